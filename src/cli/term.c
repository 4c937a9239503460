/* term.c - see term.h. */
#include "cli/term.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"

bool hth_term_in(void) {
    return isatty(STDIN_FILENO) == 1;
}

bool hth_term_out(void) {
    return isatty(STDOUT_FILENO) == 1;
}

bool hth_term_err(void) {
    return isatty(STDERR_FILENO) == 1;
}

/* ---- progress ------------------------------------------------------------------------------- */

static struct {
    uint64_t began_ns, drawn_ns;
    bool active, visible;
} bar;

void hth_progress(const char *what, size_t done, size_t total) {
    if (!hth_term_err()) return;
    uint64_t now = hth_clock_ns();
    if (!bar.active) {
        bar.active = true;
        bar.began_ns = now;
        bar.drawn_ns = 0;
    }
    if (now - bar.began_ns < 1000000000u || now - bar.drawn_ns < 100000000u) return;
    bar.drawn_ns = now;
    bar.visible = true;
    if (total == 0) {
        fprintf(stderr, "\r%s: %zu\033[K", what, done);
        fflush(stderr);
        return;
    }
    double left = (double)(now - bar.began_ns) * 1e-9 * (double)(total - done) /
                  (double)(done > 0 ? done : 1);
    fprintf(stderr, "\r%s %3.0f%% (%zu of %zu, %.0f s left)\033[K", what,
            100.0 * (double)done / (double)total, done, total, left);
    fflush(stderr);
}

void hth_progress_end(void) {
    if (bar.visible) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    bar.active = bar.visible = false;
}

/* ---- Ctrl-C --------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupts;

static void on_interrupt(int sig) {
    (void)sig;
    if (++interrupts < 3) return;
    _exit(HTH_EXIT_INTERRUPTED); /* the work does not notice: leave now */
}

void hth_interrupt_catch(void) {
    /* A write that waits for a slow terminal goes on: cut short it would lose words, and count as
     * an error of the output. */
    struct sigaction sa = { .sa_handler = on_interrupt, .sa_flags = SA_RESTART };
    sigemptyset(&sa.sa_mask);
    (void)sigaction(SIGINT, &sa, NULL);
}

bool hth_interrupted(void) {
    return interrupts != 0;
}

void hth_interrupt_clear(void) {
    interrupts = 0;
}
