"""What the libraries raise that read a model's files: telling torn files from everything else."""

import contextlib
from collections.abc import Callable, Iterator

from stemma.errors import ModelError

# What torch and its kin say when memory runs out, mostly in a RuntimeError.
_OUT_OF_MEMORY = ("allocate memory", "out of memory", "not enough memory")
# RuntimeErrors that no file causes.
_OTHER = (NotImplementedError, RecursionError)


@contextlib.contextmanager
def reading(
    what: str,
    hint: str = "",
    said: Callable[[Exception], str] = str,
    more: tuple[type[Exception], ...] = (),
) -> Iterator[None]:
    """Turn what a torn or wrong file of a model makes the libraries raise into a ModelError.

    transformers, safetensors and torch have no common exception. These are the ones that they raise
    of a configuration whose values do not fit, and of weights that are cut off or damaged; whatever
    else comes up is no fault of the files, and goes through.

    Args:
        what: which files cannot be read; the first part of the message.
        hint: what to do about it.
        said: from the exception to the second part of the message.
        more: exceptions of another library that reads the files.

    Raises:
        ModelError: a file is torn or wrong.
        MemoryError: memory ran out, whatever the library calls it.
    """
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    torn = (OSError, ValueError, LookupError, TypeError, ArithmeticError, AssertionError)
    try:
        yield
    except (*torn, RuntimeError, SafetensorError, StrictDataclassError, *more) as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        if isinstance(error, _OTHER):
            raise
        raise ModelError(f"{what}: {said(error)}", hint) from error


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an exception says, in whichever words, that memory has run out."""
    return isinstance(error, MemoryError) or any(
        words in str(error).lower() for words in _OUT_OF_MEMORY
    )


def first_line(error: Exception) -> str:
    """Return the first line of what an exception says; its name if it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
