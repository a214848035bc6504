"""Merges what DVC and the stages write, where two branches have both built a version.

Git asks a merge driver for each file that both sides changed (gitattributes(5)); this one never
leaves a file that DVC cannot parse.
"""
