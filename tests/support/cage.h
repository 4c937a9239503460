/* cage.h - for tests that need a kernel with a filter of system calls.
 *
 * Emulators (valgrind, qemu) have none to give. Header only.
 *
 * Thread: the test's. */
#ifndef HTH_TESTS_SUPPORT_CAGE_H
#define HTH_TESTS_SUPPORT_CAGE_H

#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "support/test.h"

/* In main(): ends the program as skipped where there is none. */
static inline void cage_or_exit(void) {
    const uint32_t action = SECCOMP_RET_ERRNO;
    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0) return;
    printf("skipped: no filter of system calls here\n");
    exit(TEST_SKIPPED);
}

#endif
