/* tidy.c - the style guide that a program can enforce.
 *
 * Usage: tidy FILE...   prints `file:line: what is wrong` and exits 1 if anything is.
 *
 * Every file: no trailing blanks, no tabs, at most 100 columns and 800 lines, a banner that names
 * the file, no note-to-self, functions of at most 70 lines, none of the banned calls below.
 * A standalone program: it uses the C library freely, and is itself no part of hearth. */
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX  100
#define LINES_MAX    800
#define FUNCTION_MAX 70

typedef struct Ban {
    const char *call, *instead;
} Ban;

static const Ban bans[] = {
    { "malloc", "hth_calloc" },
    { "calloc", "hth_calloc" },
    { "realloc", "hth_realloc" },
    { "free", "hth_free" },
    { "posix_memalign", "hth_calloc_aligned" },
    { "aligned_alloc", "hth_calloc_aligned" },
    { "strdup", "hth_strdup" },
    { "strndup", "hth_arena_copy" },
    { "asprintf", "hth_buf_printf" },
    { "sprintf", "snprintf" },
    { "vsprintf", "vsnprintf" },
    { "strcpy", "memcpy with a length" },
    { "strncpy", "memcpy with a length" },
    { "strcat", "hth_buf_add" },
    { "strncat", "hth_buf_add" },
    { "strtok", "slices" },
    { "gets", "hth_file_read" },
    { "atoi", "hth_str_i64" },
    { "atol", "hth_str_i64" },
    { "atof", "hth_str_f64" },
    { "alloca", "an arena" },
    { "rand", "hth_rng_u32" },
    { "srand", "hth_rng_u32" },
    { "system", "no shell" },
    { "popen", "no shell" },
};

/* Where a banned call is right, and why. */
typedef struct Leave {
    const char *path, *call, *why;
} Leave;

static const Leave leaves[] = {
    { "src/base/mem.c", "calloc", "the door to the heap" },
    { "src/base/mem.c", "malloc", "the door to the heap" },
    { "src/base/mem.c", "realloc", "the door to the heap" },
    { "src/base/mem.c", "free", "the door to the heap" },
    { "src/base/mem.c", "posix_memalign", "the door to the heap" },
    { "tests/unit/kern/tier_test.c", "popen", "asks itself under another environment" },
    { "tests/unit/base/par_test.c", "system", "removes its temporary folder" },
    { "tests/unit/base/file_test.c", "system", "removes its temporary folder" },
};

static int found;

static void bad(const char *path, int line, const char *fmt, ...) {
    va_list ap;
    printf("%s:%d: ", path, line);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    found++;
}

static char *load(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    *n = 0;
    if (f && !fseek(f, 0, SEEK_END)) {
        const long size = ftell(f);
        rewind(f);
        if (size >= 0 && (text = malloc((size_t)size + 1))) {
            *n = fread(text, 1, (size_t)size, f);
            text[*n] = '\0';
        }
    }
    if (f) fclose(f);
    return text;
}

/* Columns count characters, not bytes. */
static void check_lines(const char *path, const char *text, size_t n) {
    int line = 1, columns = 0;
    for (size_t i = 0; i < n; i++) {
        const char c = text[i];
        if (c == '\n') {
            if (i && (text[i - 1] == ' ' || text[i - 1] == '\r')) bad(path, line, "trailing blank");
            if (columns > COLUMNS_MAX)
                bad(path, line, "%d columns, at most %d", columns, COLUMNS_MAX);
            line++, columns = 0;
            continue;
        }
        if (c == '\t') bad(path, line, "a tab");
        columns += ((unsigned char)c & 0xC0) != 0x80;
    }
    if (n && text[n - 1] != '\n') bad(path, line, "the last line does not end");
    if (line - 1 > LINES_MAX) bad(path, line, "%d lines, at most %d", line - 1, LINES_MAX);
}

static void check_banner(const char *path, const char *text) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const size_t n = strlen(name);
    if (strncmp(text, "/* ", 3) || strncmp(text + 3, name, n) || strncmp(text + 3 + n, " - ", 3))
        bad(path, 1, "does not begin with \"/* %s - what it is\"", name);
}

/* Notes to self are looked for everywhere, comments included; spelt apart to pass our own check. */
static void check_notes(const char *path, const char *text) {
    static const char *const notes[] = { "TO"
                                         "DO",
                                         "FIX"
                                         "ME",
                                         "X"
                                         "XX" };
    int line = 1;
    for (const char *p = text; *p; p++) {
        if (*p == '\n') line++;
        for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
            const size_t n = strlen(notes[i]);
            const bool inside = p > text && (isalnum((unsigned char)p[-1]) || p[-1] == '_');
            if (!inside && !strncmp(p, notes[i], n) && !isalnum((unsigned char)p[n]) && p[n] != '_')
                bad(path, line, "%s: finish it or file an issue", notes[i]);
        }
    }
}

/* Length of the run at p that is no code, 0 if it is code: comments, literals. */
static size_t skip_length(const char *p) {
    if (p[0] == '/' && p[1] == '*') {
        const char *end = strstr(p + 2, "*/");
        return end ? (size_t)(end - p) + 2 : strlen(p);
    }
    if (p[0] == '/' && p[1] == '/') return strcspn(p, "\n");
    if (*p != '"' && *p != '\'') return 0;
    size_t i = 1;
    while (p[i] && p[i] != *p && p[i] != '\n') i += p[i] == '\\' && p[i + 1] ? 2 : 1;
    return p[i] == *p ? i + 1 : i;
}

/* Overwrites comments and literals with blanks; newlines stay, so that lines keep their numbers. */
static void blank_out(char *text) {
    for (char *p = text; *p;) {
        const size_t skip = skip_length(p);
        for (size_t i = 0; i < skip; i++)
            if (p[i] != '\n') p[i] = ' ';
        p += skip ? skip : 1;
    }
}

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

static bool is_left(const char *path, const char *call) {
    for (size_t i = 0; i < sizeof leaves / sizeof leaves[0]; i++)
        if (!strcmp(leaves[i].path, path) && !strcmp(leaves[i].call, call)) return true;
    return false;
}

/* A banned name followed by "(" is a call, unless it is a member: ops->free(x). */
static void check_calls(const char *path, const char *code) {
    int line = 1;
    for (const char *p = code; *p; p++) {
        if (*p == '\n') line++;
        if (!is_word(*p) || (p > code && is_word(p[-1]))) continue;
        const size_t n =
            strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
        const bool member =
            p > code && (p[-1] == '.' || (p[-1] == '>' && p - code > 1 && p[-2] == '-'));
        const char *after = p + n + strspn(p + n, " ");
        for (size_t i = 0; i < sizeof bans / sizeof bans[0] && *after == '(' && !member; i++)
            if (strlen(bans[i].call) == n && !strncmp(p, bans[i].call, n) &&
                !is_left(path, bans[i].call))
                bad(path, line, "%s is banned: %s", bans[i].call, bans[i].instead);
    }
}

/* A brace at depth 0 after ")" opens a function, which began after the last ";" or "}" before. */
static void check_functions(const char *path, const char *code) {
    int line = 1, depth = 0, start = 0, opened = 0;
    char last = 0;
    bool in_directive = false;
    for (const char *p = code; *p; p++) {
        if (*p == '\n') {
            if (p == code || p[-1] != '\\') in_directive = false;
            line++;
            continue;
        }
        if (isspace((unsigned char)*p)) continue;
        if (*p == '#' && !in_directive) in_directive = true;
        if (in_directive) continue;
        if (!start && depth == 0) start = line;
        if (*p == '{' && depth++ == 0) opened = last == ')' ? start : 0;
        if (*p == '}' && depth > 0 && --depth == 0) {
            if (opened && line - opened + 1 > FUNCTION_MAX)
                bad(path, opened, "a function of %d lines, at most %d", line - opened + 1,
                    FUNCTION_MAX);
            opened = 0, start = 0;
        }
        if (*p == ';' && depth == 0) start = 0;
        last = *p;
    }
    if (depth) bad(path, line, "braces do not match, so functions could not be measured");
}

static void check_file(const char *path) {
    size_t n;
    char *text = load(path, &n);
    if (!text) {
        bad(path, 0, "cannot be read");
        return;
    }
    check_lines(path, text, n);
    check_banner(path, text);
    check_notes(path, text);
    blank_out(text);
    if (strncmp(path, "tools/", 6)) check_calls(path, text);
    check_functions(path, text);
    free(text);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) check_file(argv[i]);
    return found > 0;
}
