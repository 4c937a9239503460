/* repl.c - the interactive chat: line editing, history, multi-line input, Ctrl-C.
 *
 * While a line is edited the terminal sends no signal: Ctrl-C is a key that drops the line.  While
 * an answer is written it is SIGINT, which stops the answer and keeps the conversation. */
#include "cli/repl.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "base/mem.h"
#include "cli/source.h"
#include "cli/term.h"

enum { LINE_MAX_BYTES = 1 << 24, HISTORY_LINES = 1000 };

static const char quotes[] = "\"\"\"";

/* ---- history -------------------------------------------------------------------------------- */

/* $XDG_STATE_HOME/hearth/history or ~/.local/state/hearth/history; false: nowhere to keep it. */
static bool history_path(HthBuf *out) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    const char *base = state != NULL && state[0] == '/' ? state : home;
    const char *rest = base == state ? "" : "/.local/state";
    if (base == NULL || base[0] != '/') return false;
    if (hth_buf_printf(out, NULL, "%s%s/hearth/history", base, rest) != HTH_OK) return false;
    for (char *p = out->p + 1; *p != '\0'; p++) { /* make the folders on the way */
        if (*p != '/') continue;
        *p = '\0';
        int made = mkdir(out->p, 0700);
        *p = '/';
        if (made != 0 && errno != EEXIST) return false;
    }
    return true;
}

bool hth_repl_history(HthBuf *out) {
    const char *off = getenv("HEARTH_NOHISTORY");
    if ((off != NULL && off[0] != '\0') || !history_path(out)) return false;
    int fd = open(out->p, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) close(fd);
    return fd >= 0;
}

static void history_open(HthRepl *r) {
    HistEvent ev;
    hth_buf_init(&r->history_path, 4096);
    r->history = history_init();
    if (r->history == NULL) return;
    history(r->history, &ev, H_SETSIZE, HISTORY_LINES);
    history(r->history, &ev, H_SETUNIQUE, 1);
    el_set(r->el, EL_HIST, history, r->history);
    r->keep_history = hth_repl_history(&r->history_path);
    if (r->keep_history) history(r->history, &ev, H_LOAD, r->history_path.p);
}

/* Saved line by line: a closed terminal loses nothing. */
static void history_add(HthRepl *r, const char *line) {
    HistEvent ev;
    if (r->history == NULL || !r->keep_history || line[strspn(line, " \t\r\n")] == '\0') return;
    history(r->history, &ev, H_ENTER, line);
    mode_t old = umask(0077); /* what a person typed is theirs alone */
    history(r->history, &ev, H_SAVE, r->history_path.p);
    umask(old);
}

static void history_close(HthRepl *r) {
    if (r->history != NULL) history_end(r->history);
    hth_buf_drop(&r->history_path);
}

/* ---- lines ---------------------------------------------------------------------------------- */

static char *prompt(EditLine *el) {
    static char first[] = ">>> ", more[] = "... ";
    HthRepl *r = NULL;
    el_get(el, EL_CLIENTDATA, &r);
    return r->in_quotes ? more : first;
}

/* The editor's next character.  Ctrl-C, which the terminal does not turn into a signal meanwhile,
 * ends the line like return, and the line is then dropped.  (A bound function would do, but libedit
 * never frees its name.) */
static int next_char(EditLine *el, wchar_t *out) {
    HthRepl *r = NULL;
    char bytes[4];
    uint32_t cp = 0;
    el_get(el, EL_CLIENTDATA, &r);
    for (size_t n = 0; n < sizeof bytes;) {
        ssize_t got = hth_interrupted() ? -1 : read(STDIN_FILENO, bytes + n, 1);
        if (got < 0 && hth_interrupted()) { /* a signal from elsewhere: the same */
            hth_interrupt_clear();
            bytes[0] = 'C' & 31;
            n = 0;
            got = 1;
        }
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return (int)got;
        n++;
        unsigned char lead = (unsigned char)bytes[0];
        if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4) break;
        if (hth_utf8_decode((HthStr){ bytes, n }, &cp) == 0) continue; /* not a whole one yet */
        r->dropped = cp == ('C' & 31);
        *out = r->dropped ? L'\n' : (wchar_t)cp;
        return 1;
    }
    *out = 0xfffd; /* no UTF-8 */
    return 1;
}

static bool editor_open(HthRepl *r) {
    /* Typed characters are UTF-8 even where no locale is set up; numbers keep their points. */
    if (setlocale(LC_CTYPE, "") == NULL || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    r->el = el_init("hearth", stdin, stdout, stderr);
    if (r->el == NULL) return false;
    el_set(r->el, EL_CLIENTDATA, r);
    el_set(r->el, EL_PROMPT, prompt);
    el_set(r->el, EL_EDITOR, "emacs");
    el_set(r->el, EL_SIGNAL, 0);
    el_set(r->el, EL_GETCFN, next_char);
    el_set(r->el, EL_SETTY, "-d", "-isig", NULL);
    el_set(r->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_set(r->el, EL_BIND, "\033[3~", "ed-delete-next-char", NULL);
    el_set(r->el, EL_BIND, "\033[1~", "ed-move-to-beg", NULL);
    el_set(r->el, EL_BIND, "\033[4~", "ed-move-to-end", NULL);
    return true;
}

typedef enum Read { READ_LINE, READ_DROPPED, READ_END } Read;

/* One line from the editor, without its newline, appended to r->input. */
static Read read_line(HthRepl *r) {
    int n = 0;
    r->dropped = false;
    el_set(r->el, EL_PREP_TERM, 1); /* before the prompt is seen, so that no key is a signal */
    const char *line = el_gets(r->el, &n);
    if (r->dropped) return READ_DROPPED;
    if (line == NULL || n <= 0) return READ_END;
    history_add(r, line);
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r')) n--;
    return hth_buf_add(&r->input, line, (size_t)n, NULL) == HTH_OK ? READ_LINE : READ_DROPPED;
}

/* A whole entry: one line, or several between triple quotes, which are taken away. */
static Read read_entry(HthRepl *r) {
    hth_buf_clear(&r->input);
    r->in_quotes = false;
    Read got = read_line(r);
    if (got != READ_LINE) return got;
    HthStr text = hth_buf_str(&r->input);
    /* "/set system """" opens quotes as well: they may come after a command's words. */
    size_t open = hth_str_find(text, HTH_STR("\"\"\""));
    bool command = text.n > 0 && text.p[0] == '/';
    if (open == SIZE_MAX || (open > 0 && !command)) return READ_LINE;
    memmove(r->input.p + open, r->input.p + open + 3, r->input.n - open - 3 + 1);
    r->input.n -= 3;
    r->in_quotes = true;
    for (;;) {
        HthStr rest = hth_str_sub(hth_buf_str(&r->input), open, SIZE_MAX);
        size_t close = hth_str_find(rest, (HthStr){ quotes, 3 });
        if (close != SIZE_MAX) {
            r->input.n = open + close;
            r->input.p[r->input.n] = '\0';
            break;
        }
        if (hth_buf_add_char(&r->input, '\n', NULL) != HTH_OK) return READ_DROPPED;
        got = read_line(r);
        if (got != READ_LINE) break;
    }
    r->in_quotes = false;
    return got;
}

/* ---- the loop ------------------------------------------------------------------------------- */

static void answer(HthRepl *r) {
    HthAnswer a;
    HthErr err = { 0 };
    hth_answer_init(&a);
    hth_interrupt_clear();
    HthStatus st = hth_chat_ask(r->chat, hth_buf_str(&r->input), &a, &err);
    if (st == HTH_ECANCELED)
        puts("(stopped)");
    else if (st != HTH_OK)
        hth_cli_fail(&err);
    else
        printf("%s\n", strcmp(a.reason, "interrupted") == 0 ? "\n(stopped)\n" : "\n");
    fflush(stdout);
    if (st == HTH_OK && strcmp(a.reason, "context") == 0)
        fprintf(stderr,
                "hearth: the context of %zu tokens is full (%zu prompt, %zu answer); "
                "/clear starts afresh, /set parameter num_ctx N raises it\n",
                hth_session_ctx(r->chat->session), a.prompt_count, a.ids.n);
    if (st == HTH_OK && r->verbose) {
        hth_chat_timings(stderr, r->chat, &a);
        fputc('\n', stderr);
    }
    hth_interrupt_clear();
    hth_answer_drop(&a);
}

static void loop(HthRepl *r) {
    while (!r->leave) {
        Read got = read_entry(r);
        if (got == READ_END) {
            putchar('\n');
            return;
        }
        if (got == READ_DROPPED) {
            puts(r->dropped ? "(Ctrl-D or /bye leaves)" : "(that is too long)");
            continue;
        }
        HthStr text = hth_str_trim(hth_buf_str(&r->input));
        if (text.n == 0) continue;
        if (text.p[0] == '/')
            hth_repl_command(r, text);
        else
            answer(r);
    }
}

int hth_repl(HthChat *c, bool verbose) {
    HthRepl *r = hth_calloc(1, sizeof *r);
    bool terminal = true;
    if (r == NULL) return hth_cli_error(HTH_EXIT_OS, "out of memory");
    r->chat = c;
    r->verbose = verbose;
    hth_buf_init(&r->input, LINE_MAX_BYTES);
    c->emit = hth_term_text;
    c->payload = &terminal;
    int code = HTH_EXIT_OK;
    if (!editor_open(r)) {
        code = hth_cli_error(HTH_EXIT_OS, "cannot open the line editor");
        goto out;
    }
    history_open(r);
    hth_interrupt_catch();
    printf("%s, on this machine only. /? for help, Ctrl-D to leave.\n",
           hth_source_is_ember(c->cfg.model) ? HTH_EMBER : c->cfg.model);
    loop(r);
    history_close(r);
    el_end(r->el);
out:
    hth_buf_drop(&r->input);
    hth_free(r);
    return code;
}
