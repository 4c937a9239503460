/* secret.c - see secret.h.
 *
 * Thread: the main thread. */
#include "cli/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "crypt/hash.h"
#include "crypt/secret.h"

enum { CTRL_C = 3, CTRL_D = 4, BACKSPACE = 8, CTRL_U = 21, DELETE = 127 };

typedef struct Line {
    char *p; /* [HTH_CLI_SECRET_MAX], lent */
    size_t n;
} Line;

static HthStatus add(Line *line, char c, HthErr *err) {
    HTH_REQUIRE(line->n < HTH_CLI_SECRET_MAX, err, HTH_EINVAL, "it may have %d bytes",
                HTH_CLI_SECRET_MAX);
    line->p[line->n++] = c;
    return HTH_OK;
}

/* Bytes up to the end of the line or of the file, one by one: what follows is not ours. */
static HthStatus read_line(Line *out, int fd, HthErr *err) {
    for (;;) {
        char c;
        const ssize_t n = read(fd, &c, 1);
        if (n < 0 && errno == EINTR) continue;
        HTH_REQUIRE(n >= 0, err, HTH_EIO, "the password cannot be read: %s", strerror(errno));
        if (!n || c == '\n') return HTH_OK;
        HTH_TRY(add(out, c, err));
    }
}

/* The last character, however many bytes it has. */
static void rub_out(Line *out) {
    while (out->n && ((unsigned char)out->p[out->n - 1] & 0xc0) == 0x80) out->n--;
    if (out->n) out->n--;
}

/* Keys come one by one and Ctrl-C is one of them: so the terminal is always put back. */
static HthStatus type_line(Line *out, int tty, HthErr *err) {
    for (;;) {
        char c = CTRL_D;
        if (read(tty, &c, 1) < 0 && errno == EINTR) continue;
        switch (c) {
        case CTRL_C: return HTH_FAIL(err, HTH_ECANCELED, "no password was given");
        case CTRL_D:
        case '\r':
        case '\n': return HTH_OK;
        case BACKSPACE:
        case DELETE: rub_out(out); break;
        case CTRL_U: out->n = 0; break;
        default: HTH_TRY(add(out, c, err));
        }
    }
}

static HthStatus ask(Line *out, const char *prompt, int tty, HthErr *err) {
    struct termios before, quiet;
    HTH_REQUIRE(!tcgetattr(tty, &before), err, HTH_EIO, "the terminal: %s", strerror(errno));
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG);
    quiet.c_cc[VMIN] = 1;
    quiet.c_cc[VTIME] = 0;
    HTH_REQUIRE(!tcsetattr(tty, TCSAFLUSH, &quiet), err, HTH_EIO, "the terminal: %s",
                strerror(errno));
    dprintf(tty, "%s: ", prompt);
    const HthStatus st = type_line(out, tty, err);
    (void)tcsetattr(tty, TCSAFLUSH, &before);
    dprintf(tty, "\n");
    return st;
}

static HthStatus ask_again(const Line *first, int tty, HthErr *err) {
    void *p = NULL;
    HTH_TRY(hth_secret_alloc(&p, HTH_CLI_SECRET_MAX, err));
    Line second = { .p = p };
    HthStatus st = ask(&second, "Once more", tty, err);
    if (st == HTH_OK && (first->n != second.n || !hth_secret_equal(first->p, second.p, first->n)))
        st = HTH_FAIL(err, HTH_EINVAL, "the two are not the same; nothing was changed");
    hth_secret_free(p);
    return st;
}

HthStatus hth_cli_secret(char *out, size_t *n, const char *prompt, bool again, int fd,
                         HthErr *err) {
    Line line = { .p = out };
    HthStatus st;
    if (fd >= 0) {
        st = read_line(&line, fd, err);
    } else {
        const int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        HTH_REQUIRE(tty >= 0, err, HTH_EINVAL,
                    "there is no terminal to ask at; --password-fd N reads a line from a file "
                    "descriptor");
        st = ask(&line, prompt, tty, err);
        if (st == HTH_OK && again) st = ask_again(&line, tty, err);
        close(tty);
    }
    if (st == HTH_OK) *n = line.n;
    return st;
}

bool hth_cli_secret_tty(void) {
    const int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty >= 0) close(tty);
    return tty >= 0;
}
