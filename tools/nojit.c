/* nojit.c - preloaded under valgrind: PCRE2 interprets instead of compiling its patterns.
 *
 * Compiled patterns read up to 15 bytes past what they decide on; memcheck sees them and cannot
 * name the code, and a suppression for code without names would hide everything.
 *
 * Thread: any. */
#include <stdint.h>

/* As declared in pcre2.h, for 8-bit code units. */
int pcre2_jit_compile_8(void *code, uint32_t options);

int pcre2_jit_compile_8(void *code, uint32_t options) {
    enum { JIT_BADOPTION = -45 };
    (void)code;
    (void)options;
    return JIT_BADOPTION;
}
