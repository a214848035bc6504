import pytest

from stemma import errors


def stopped_by(error: BaseException, capsys) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stopped, errors.boundary("stemma x", False):
        raise error
    return stopped.value.code, capsys.readouterr().err


def test_a_users_error_is_one_line(capsys):
    error = errors.DataError("a\nb", "do c")
    assert stopped_by(error, capsys) == (1, "stemma x: a b (do c)\n")


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied", "f"), MemoryError()])
def test_the_machines_errors_are_one_line(error, capsys):
    code, said = stopped_by(error, capsys)
    assert code == 1
    assert said.count("\n") == 1


def test_an_interrupt_has_its_own_code(capsys):
    assert stopped_by(KeyboardInterrupt(), capsys)[0] == 130


def test_a_bug_stays_a_traceback():
    with pytest.raises(ZeroDivisionError), errors.boundary("stemma x", False):
        raise ZeroDivisionError


def test_traceback_lets_everything_through():
    with pytest.raises(errors.DataError), errors.boundary("stemma x", True):
        raise errors.DataError("a")


def test_the_tree_in_the_docstring_is_the_tree():
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.StemmaError):
            assert name in errors.__doc__
