/* swtpm.h - a TPM in software for one test: started, started again, its registers changed.
 *
 * It lies in a folder: the state file, and a socket `s` that tpm2-tss reaches by "swtpm:path=".
 * Header only.
 *
 * Thread: the test's. */
#ifndef HTH_TESTS_SUPPORT_SWTPM_H
#define HTH_TESTS_SUPPORT_SWTPM_H

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "support/test.h"

typedef struct Swtpm {
    char folder[64], tcti[96];
    pid_t pid;
} Swtpm;

static inline int swtpm_connect(const Swtpm *t) {
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    snprintf(a.sun_path, sizeof a.sun_path, "%s/s", t->folder);
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) == 0) return fd;
    close(fd);
    return -1;
}

static inline void swtpm_run(const char *folder) {
    char state[96], server[128], ctrl[128], log[96];
    snprintf(state, sizeof state, "dir=%s", folder);
    snprintf(server, sizeof server, "type=unixio,path=%s/s", folder);
    snprintf(ctrl, sizeof ctrl, "type=unixio,path=%s/s.ctrl", folder);
    snprintf(log, sizeof log, "file=%s/log", folder);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server, "--ctrl",
           ctrl, "--log", log, "--flags", "not-need-init,startup-clear", (char *)NULL);
    _exit(127);
}

/* false: there is no swtpm on this machine. */
static inline bool swtpm_start(Swtpm *t, const char *folder) {
    char path[96];
    snprintf(t->folder, sizeof t->folder, "%s", folder);
    snprintf(t->tcti, sizeof t->tcti, "swtpm:path=%s/s", folder);
    (void)mkdir(folder, 0700);
    snprintf(path, sizeof path, "%s/s", folder);
    (void)unlink(path);
    t->pid = fork();
    assert_true(t->pid >= 0);
    if (!t->pid) swtpm_run(folder);
    for (int tries = 0; tries < 1000; tries++) {
        int how, fd;
        if (waitpid(t->pid, &how, WNOHANG) == t->pid) {
            assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 127);
            return false;
        }
        if (access(path, F_OK) == 0 && (fd = swtpm_connect(t)) >= 0) {
            close(fd);
            return true;
        }
        usleep(10000);
    }
    fail_msg("swtpm does not start: see %s/log", folder);
    return false;
}

static inline void swtpm_stop(Swtpm *t) {
    int how;
    kill(t->pid, SIGTERM);
    assert_int_equal(waitpid(t->pid, &how, 0), t->pid);
}

/* A register takes in one more measurement (TPM2_PCR_Extend, Part 3, 22.2). */
static inline void swtpm_extend(const Swtpm *t, unsigned pcr) {
    /* clang-format off */
    uint8_t command[65] = {
        0x80, 0x02, 0, 0, 0, 65, 0, 0, 0x01, 0x82, /* with sessions; length; what */
        0, 0, 0, (uint8_t)pcr,
        0, 0, 0, 9, 0x40, 0, 0, 0x09, 0, 0, 0, 0, 0, /* an empty password */
        0, 0, 0, 1, 0, 0x0b, 'x', /* one digest, SHA-256 */
    };
    /* clang-format on */
    uint8_t answer[64];
    const int fd = swtpm_connect(t);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, command, sizeof command), sizeof command);
    assert_true(read(fd, answer, sizeof answer) >= 10);
    for (int i = 6; i < 10; i++) assert_int_equal(answer[i], 0);
    close(fd);
}

#endif
