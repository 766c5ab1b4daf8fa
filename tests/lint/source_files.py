# SPDX-License-Identifier: GPL-2.0-only
"""Finds the project's own files by kind, without git: an exported tree is checked the same way."""

import os

CPP = (".cpp", ".hpp", ".h", ".c")
ASSEMBLY = (".S", ".inc", ".lds")
SCRIPTS = (".py", ".sh")
TEXTS = (".md", ".toml")
BUILD_FILES = ("meson.build", "meson_options.txt")


def all_files(root):
    """Yields every file under root as a path relative to it, hidden and build folders left out."""
    for folder, subfolders, names in os.walk(root):
        # Meson puts meson-private into every folder that it builds in, whatever its name.
        subfolders[:] = sorted(
            name for name in subfolders
            if name != "__pycache__" and (not name.startswith(".") or name == ".ci")
            and not os.path.isdir(os.path.join(folder, name, "meson-private")))
        for name in sorted(names):
            yield os.path.relpath(os.path.join(folder, name), root)


def is_shell_script(root, path):
    if path.endswith(".sh"):
        return True
    with open(os.path.join(root, path), "rb") as file:
        return file.readline(80).rstrip().endswith((b"/bash", b"/sh"))


def cpp_files(root):
    return [path for path in all_files(root) if path.endswith(CPP)]


def shell_scripts(root):
    return [path for path in all_files(root) if is_shell_script(root, path)]


def baselines(root):
    return [path for path in all_files(root)
            if path.startswith("baselines" + os.sep) and path.endswith(".toml")]


def files_with_licence_line(root):
    """Everything in which a comment can stand at the top, but for third-party text."""
    return [path for path in all_files(root)
            if path.endswith(CPP + ASSEMBLY + SCRIPTS + TEXTS) or os.path.basename(path) in BUILD_FILES
            or is_shell_script(root, path)]
