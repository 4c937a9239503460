/* secret.c - a password, typed without being shown, or handed over by a script.
 *
 * Thread: the main thread. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/user.h"

enum { CTRL_C = 3, CTRL_D = 4, BACKSPACE = 8, CTRL_U = 21, DELETE = 127 };

/* Bytes up to the end of the line or of the file. */
static HthStatus read_line(HthBuf *out, int fd, HthErr *err) {
    for (;;) {
        char c;
        const ssize_t n = read(fd, &c, 1);
        if (n < 0 && errno == EINTR) continue;
        HTH_REQUIRE(n >= 0, err, HTH_EIO, "the password cannot be read: %s", strerror(errno));
        if (!n || c == '\n') return HTH_OK;
        HTH_TRY(hth_buf_add_char(out, c, err));
    }
}

/* The last character, however many bytes it has. */
static void rub_out(HthBuf *out) {
    while (out->n && ((unsigned char)out->p[out->n - 1] & 0xc0) == 0x80) out->n--;
    if (out->n) out->n--;
}

/* Keys come one by one and Ctrl-C is one of them: so the terminal is always put back. */
static HthStatus type_line(HthBuf *out, int tty, HthErr *err) {
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
        default: HTH_TRY(hth_buf_add_char(out, c, err));
        }
    }
}

static HthStatus ask(HthBuf *out, const char *prompt, int tty, HthErr *err) {
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

static HthStatus ask_again(const HthBuf *first, int tty, HthErr *err) {
    HthBuf second;
    hth_buf_init(&second, first->max);
    HthStatus st = ask(&second, "Once more", tty, err);
    if (st == HTH_OK && !hth_str_eq(hth_buf_str(first), hth_buf_str(&second)))
        st = HTH_FAIL(err, HTH_EINVAL, "the two are not the same; nothing was changed");
    if (second.p) hth_zero(second.p, second.cap);
    hth_buf_drop(&second);
    return st;
}

HthStatus hth_cli_secret(HthBuf *out, const char *prompt, bool again, int fd, HthErr *err) {
    /* A buffer that grows leaves copies behind: all of it is there from the beginning. */
    HTH_TRY(hth_buf_reserve(out, out->max - out->n, err));
    if (fd >= 0) return read_line(out, fd, err);
    const int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    HTH_REQUIRE(tty >= 0, err, HTH_EINVAL,
                "there is no terminal to ask at; --password-fd N reads a line from a file "
                "descriptor");
    HthStatus st = ask(out, prompt, tty, err);
    if (st == HTH_OK && again) st = ask_again(out, tty, err);
    close(tty);
    return st;
}
