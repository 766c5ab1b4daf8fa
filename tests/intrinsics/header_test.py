#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""<intrin.h> as compilers see it: every intrinsic in every language and mode without a warning and
as the instruction it is named after, and whose <intrin.h> is used where the compiler brings one."""

import itertools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

INCLUDE = pathlib.Path(os.environ["SOURCE_ROOT"]) / "harness" / "intrin"
COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow",
            "-Wundef", "-Wmissing-declarations", "-Werror"]
LANGUAGES = ["c -std=c99", "c -std=gnu99", "c -std=c17", "c++ -std=c++11", "c++ -std=c++20"]
MODES = ["-O0 -ffreestanding", "-O2 -fPIC", "-O2 -masm=intel", "-O2 -mgeneral-regs-only",
         "-O2 -mavx512f", "-Os -finstrument-functions"]
INSTRUCTIONS = ["clgi", "invlpga", "skinit", "stgi", "vmload", "vmrun", "vmsave"]

# Any other type of an argument or of the result is a warning here, or does not compile.
USER = """
#include <intrin.h>
#include <intrin.h>
void use(size_t address, void* va, int number);
void use(size_t address, void* va, int number) {
    __svm_clgi();
    __svm_invlpga(va, number);
    __svm_skinit(number);
    __svm_stgi();
    __svm_vmload(address);
    __svm_vmrun(address);
    __svm_vmsave(address);
}
"""

SIGNATURES = """
#include <intrin.h>
void __svm_clgi(void);
void __svm_invlpga(void*, int);
void __svm_skinit(int);
void __svm_stgi(void);
void __svm_vmload(size_t);
void __svm_vmrun(size_t);
void __svm_vmsave(size_t);
"""

OPERANDS = """
#include <intrin.h>
void put(void* va, int asid);
void put(void* va, int asid) { __svm_invlpga(va, asid); }
"""


class HeaderTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
        return path

    def run_tool(self, *command):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stderr}")
        return done.stdout

    def compile(self, compiler, *arguments, source=USER):
        self.run_tool(compiler, "-I", INCLUDE, *arguments, "-c", self.write("user.c", source),
                      "-o", self.folder / "user.o")
        return self.folder / "user.o"

    def disassembly(self, compiled):
        return self.run_tool("objdump", "-d", "--no-show-raw-insn", compiled)

    def instructions(self, compiled):
        names = re.findall(r"^ +[0-9a-f]+:\t(\w+)", self.disassembly(compiled), re.MULTILINE)
        return sorted(name for name in names if name in INSTRUCTIONS)

    def undefined(self, compiled):
        return [line.split()[-1] for line in self.run_tool("nm", "-u", compiled).splitlines()]


class EveryCompiler(HeaderTest):
    def test_instructions_without_a_warning_or_a_symbol(self):
        self.assertIn("gcc", COMPILERS)
        combinations = {*itertools.product(LANGUAGES, MODES[:1]),
                        *itertools.product(["c -std=gnu99", "c++ -std=c++20"], MODES)}
        for compiler, width, (language, mode) in itertools.product(COMPILERS, ["-m64", "-m32"],
                                                                   sorted(combinations)):
            with self.subTest(compiler=compiler, width=width, language=language, mode=mode):
                compiled = self.compile(compiler, width, "-x", *language.split(), *WARNINGS,
                                        *mode.split())
                self.assertEqual(self.instructions(compiled), INSTRUCTIONS)
                self.assertEqual([name for name in self.undefined(compiled) if "svm" in name], [])

    def test_addresses_narrower_than_the_operand(self):
        """In the x32 ABI: size_t has 32 bits, the instructions take RAX."""
        for compiler in COMPILERS:
            compiled = self.compile(compiler, "-mx32", "-O2", "-ffreestanding", *WARNINGS)
            self.assertEqual(self.instructions(compiled), INSTRUCTIONS)

    def test_signatures_are_microsofts(self):
        for compiler, width in itertools.product(COMPILERS, ["-m64", "-m32"]):
            self.compile(compiler, width, "-xc", source=SIGNATURES)
            self.compile(compiler, width, "-xc++",
                         source=SIGNATURES.replace("void __svm", 'extern "C" void __svm'))

    def test_a_call_that_does_not_fit_is_refused(self):
        """The teeth of the tests above: a wrong argument is noticed."""
        with self.assertRaises(AssertionError):
            self.compile("gcc", "-xc", *WARNINGS,
                         source=USER.replace("__svm_clgi()", "__svm_clgi(1)"))

    def test_operands_of_invlpga(self):
        """Address in RAX and ASID in ECX, which QEMU does not look at."""
        for compiler in COMPILERS:
            text = self.disassembly(self.compile(compiler, "-m64", "-O2", source=OPERANDS))
            self.assertRegex(text, r"mov +%rdi,%rax\n")
            self.assertRegex(text, r"mov +%esi,%ecx\n")

    def test_several_files_of_a_program_may_include_it(self):
        for compiler, language in itertools.product(COMPILERS, ["c", "c++"]):
            parts = []
            for name in ("one", "two"):
                source = self.write(f"{name}.c", USER.replace("use(", f"{name}("))
                parts.append(self.folder / f"{name}.o")
                self.run_tool(compiler, "-O0", "-I", INCLUDE, "-x", language, "-c", source,
                              "-o", parts[-1])
            self.run_tool("ld", "-r", *parts, "-o", self.folder / "both.o")


class OtherHeaders(HeaderTest):
    """The compiler's own <intrin.h> is played by a file of that name later in the include path."""

    OWN = "int declared_by_the_compilers_own;\n"
    DECLARED = ("#include <stddef.h>\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n"
                + SIGNATURES.replace("#include <intrin.h>\n", "")
                + "#ifdef __cplusplus\n}\n#endif\n")

    def preprocessed(self, *arguments):
        source = self.write("user.c", "#include <intrin.h>\n")
        return self.run_tool("gcc", "-E", "-P", *arguments, source)

    def test_microsofts_compiler_gets_its_own_and_nothing_else(self):
        """It has no #include_next and defines none of GCC's macros."""
        self.write("msvc/include/intrin.h", self.OWN)
        text = self.preprocessed("-undef", "-nostdinc", "-D_MSC_VER=1940", "-D_M_X64=100",
                                 "-I", INCLUDE, "-isystem", self.folder / "msvc/include")
        self.assertIn("declared_by_the_compilers_own", text)
        self.assertNotIn("__asm__", text)

    def test_a_later_header_is_included_too(self):
        self.write("system/intrin.h", self.OWN)
        text = self.preprocessed("-I", INCLUDE, "-isystem", self.folder / "system")
        self.assertIn("declared_by_the_compilers_own", text)
        self.assertIn("vmrun", text)

    def test_declarations_of_a_later_header_do_not_clash(self):
        self.write("system/intrin.h", self.DECLARED)
        for compiler, language in itertools.product(COMPILERS, LANGUAGES):
            with self.subTest(compiler=compiler, language=language):
                compiled = self.compile(compiler, "-x", *language.split(), *WARNINGS,
                                        "-D__MINGW32__",
                                        "-isystem", self.folder / "system")
                self.assertEqual(self.instructions(compiled), INSTRUCTIONS)
                self.assertEqual([name for name in self.undefined(compiled) if "svm" in name], [])

    @unittest.skipUnless("clang" in COMPILERS, "clang is not installed")
    def test_clang_for_windows_gets_bodies_for_what_its_own_header_only_declares(self):
        for target, language in itertools.product(
                ["x86_64-pc-windows-msvc", "i686-pc-windows-msvc"], LANGUAGES[2:]):
            with self.subTest(target=target, language=language):
                compiled = self.compile("clang", f"--target={target}", "-ffreestanding", "-O2",
                                        "-fms-compatibility-version=19.30", "-x",
                                        *language.split(), *WARNINGS)
                self.assertEqual(self.instructions(compiled), INSTRUCTIONS)
                self.assertEqual([name for name in self.undefined(compiled) if "svm" in name], [])


if __name__ == "__main__":
    unittest.main()
