/* jinja_lex.c - template source to tokens: Jinja's lexer with trim_blocks and lstrip_blocks on,
 * keep_trailing_newline off, line statements off.
 *
 * Data between tags is cut here already, so the parser never sees white-space control. */
#include "text/jinja.h"

typedef struct Lexer {
    HthJParser *p;
    const char *s; /* newlines normalised, one trailing newline dropped */
    size_t n, at;
    uint32_t line;
    bool line_starting; /* the last match ended with a newline */
    char stack[HTH_J_DEPTH_MAX]; /* open brackets of the tag being read */
    uint32_t open;
} Lexer;

static HthStatus lex_push(Lexer *l, HthJToken tok) {
    HthJParser *p = l->p;
    if (p->tok_count == p->tok_cap) {
        size_t cap = p->tok_cap ? p->tok_cap * 2 : 256;
        HthJToken *grown = hth_j_p_take(p, cap, sizeof *grown);
        if (!grown) return hth_j_p_nomem(p);
        if (p->tok_count) memcpy(grown, p->tok, p->tok_count * sizeof *grown);
        p->tok = grown;
        p->tok_cap = cap;
    }
    p->tok[p->tok_count++] = tok;
    return HTH_OK;
}

static size_t space_at(const Lexer *l, size_t at) { /* bytes of the white space there, or 0 */
    size_t len = 1;
    if (at >= l->n) return 0;
    uint32_t cp = hth_j_cp_at((HthStr){ l->s, l->n }, at, &len);
    return hth_j_class(cp, HTH_J_SPACE_CH) ? len : 0;
}

static size_t skip_space(const Lexer *l, size_t at) {
    for (size_t k; (k = space_at(l, at)) > 0;) at += k;
    return at;
}

static bool is_at(const Lexer *l, size_t at, const char *lit) {
    return hth_str_starts((HthStr){ l->s + at, l->n - at }, hth_str(lit));
}

static void move_to(Lexer *l, size_t to) {
    for (size_t i = l->at; i < to; i++) l->line += l->s[i] == '\n';
    if (to > l->at) l->line_starting = l->s[to - 1] == '\n';
    l->at = to;
}

/* Text from l->at up to the tag at `tag`, whose sign ('-', '+' or 0) says how to cut it. */
static HthStatus lex_data(Lexer *l, size_t tag, char sign, bool lstrip) {
    HthStr text = { l->s + l->at, tag - l->at };
    if (sign == '-') {
        text = hth_j_strip(text, false, true);
    } else if (sign != '+' && lstrip) {
        size_t start = text.n;
        while (start > 0 && text.p[start - 1] != '\n') start--;
        bool begins = start > 0 || l->line_starting;
        HthStr tail = { text.p + start, text.n - start };
        if (begins && tail.n > 0 && hth_j_strip(tail, true, false).n == 0) text.n = start;
    }
    if (text.n == 0) return HTH_OK;
    return lex_push(l, (HthJToken){ .kind = HTH_J_T_DATA, .line = l->line, .text = text });
}

/* After "%}" or "#}" at `at`: one newline goes (trim_blocks); with '-' all white space. */
static size_t after_end(const Lexer *l, size_t at, char sign) {
    if (sign == '-') return skip_space(l, at + 3);
    if (sign == '+') return at + 3;
    at += 2;
    return at < l->n && l->s[at] == '\n' ? at + 1 : at;
}

/* Is there an end mark (`close`, 2 bytes, perhaps signed) at `at`? Where the text goes on, or 0. */
static size_t end_mark(const Lexer *l, size_t at, const char *close) {
    if (is_at(l, at, close)) return after_end(l, at, 0);
    if (at < l->n && (l->s[at] == '-' || l->s[at] == '+') && is_at(l, at + 1, close))
        return after_end(l, at, l->s[at]);
    return 0;
}

static HthStatus lex_comment(Lexer *l) {
    uint32_t line = l->line;
    size_t from = l->at + 2;
    if (from < l->n && (l->s[from] == '-' || l->s[from] == '+')) from++;
    for (size_t at = from; at < l->n; at++) {
        size_t to = end_mark(l, at, "#}");
        if (to) {
            move_to(l, to);
            return HTH_OK;
        }
    }
    return hth_j_p_fail(l->p, HTH_EFORMAT, line, "the comment is never closed with #}");
}

/* "{%- raw -%}" at l->at: where its content begins, or 0 if that is not what is there. */
static size_t raw_begin(const Lexer *l) {
    size_t at = l->at + 2;
    if (at < l->n && (l->s[at] == '-' || l->s[at] == '+')) at++;
    at = skip_space(l, at);
    if (!is_at(l, at, "raw")) return 0;
    at = skip_space(l, at + 3);
    if (is_at(l, at, "-%}")) return skip_space(l, at + 3);
    return is_at(l, at, "%}") ? at + 2 : 0;
}

/* "{%- endraw -%}" at `at`: where the text goes on, or 0. */
static size_t raw_end(const Lexer *l, size_t at, char *sign) {
    if (!is_at(l, at, "{%")) return 0;
    at += 2;
    *sign = 0;
    if (at < l->n && (l->s[at] == '-' || l->s[at] == '+')) *sign = l->s[at++];
    at = skip_space(l, at);
    if (!is_at(l, at, "endraw")) return 0;
    return end_mark(l, skip_space(l, at + 6), "%}");
}

static HthStatus lex_raw(Lexer *l, size_t content) {
    uint32_t line = l->line;
    move_to(l, content);
    for (size_t at = content; at < l->n; at++) {
        char sign;
        size_t to = raw_end(l, at, &sign);
        if (!to) continue;
        HTH_TRY(lex_data(l, at, sign, true));
        move_to(l, to);
        return HTH_OK;
    }
    return hth_j_p_fail(l->p, HTH_EFORMAT, line, "the raw block is never closed with endraw");
}

/* --- inside a tag --- */
static uint32_t hex_value(HthStr s, size_t at, size_t digits, bool *ok) {
    uint32_t v = 0;
    for (size_t i = 0; i < digits; i++) {
        char c = at + i < s.n ? s.p[at + i] : 0;
        uint32_t d = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                     : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                            : 99;
        if (d == 99) {
            *ok = false;
            return 0;
        }
        v = v * 16 + d;
    }
    return v;
}

/* One escape sequence at s.p[*at] == '\\'; writes at most 5 bytes. */
static HthStatus unescape_one(Lexer *l, HthStr s, size_t *at, char *out, size_t *n) {
    static const char plain[] = "\\\\''\"\"a\ab\bf\fn\nr\rt\tv\v";
    char c = s.p[*at + 1]; /* a string token never ends in a lone backslash */
    for (size_t i = 0; i + 1 < sizeof plain; i += 2) {
        if (plain[i] != c) continue;
        out[(*n)++] = plain[i + 1];
        *at += 2;
        return HTH_OK;
    }
    if (c == '\n') { /* a continued line */
        *at += 2;
        return HTH_OK;
    }
    uint32_t cp = 0;
    bool ok = true;
    if (c >= '0' && c <= '7') {
        size_t k = 1;
        while (k <= 3 && *at + k < s.n && s.p[*at + k] >= '0' && s.p[*at + k] <= '7')
            cp = cp * 8 + (uint32_t)(s.p[*at + k++] - '0');
        *at += k;
    } else if (c == 'x' || c == 'u' || c == 'U') {
        size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        cp = hex_value(s, *at + 2, digits, &ok);
        *at += 2 + digits;
    } else if (c == 'N') {
        return hth_j_p_fail(l->p, HTH_ENOTSUP, l->line, "the escape \\N{...} is not supported");
    } else { /* unknown: the backslash stays */
        out[(*n)++] = '\\';
        *at += 1;
        return HTH_OK;
    }
    size_t k = ok ? hth_utf8_encode(cp, out + *n) : 0;
    if (k == 0)
        return hth_j_p_fail(l->p, HTH_EFORMAT, l->line,
                            "an escape in a string is no Unicode character");
    *n += k;
    return HTH_OK;
}

static HthStatus lex_string(Lexer *l) {
    char quote = l->s[l->at];
    size_t end = l->at + 1;
    bool escapes = false;
    while (end < l->n && l->s[end] != quote) {
        if (l->s[end] == '\\') {
            escapes = true;
            end++;
        }
        end++;
    }
    if (end >= l->n) return hth_j_p_fail(l->p, HTH_EFORMAT, l->line, "a string is never closed");
    HthStr raw = { l->s + l->at + 1, end - l->at - 1 };
    HthJToken tok = { .kind = HTH_J_T_STR, .line = l->line, .text = raw };
    if (escapes) {
        char *buf = hth_j_p_take(l->p, raw.n + 4, 1);
        if (!buf) return hth_j_p_nomem(l->p);
        size_t n = 0;
        for (size_t i = 0; i < raw.n;) {
            if (raw.p[i] == '\\')
                HTH_TRY(unescape_one(l, raw, &i, buf, &n));
            else
                buf[n++] = raw.p[i++];
        }
        tok.text = (HthStr){ buf, n };
    }
    move_to(l, end + 1);
    return lex_push(l, tok);
}

static size_t digits_at(const Lexer *l, size_t at, int base) { /* end of d(_?d)* or at */
    size_t end = at;
    for (size_t i = at; i < l->n; i++) {
        char c = l->s[i];
        if (c == '_' && i > at && l->s[i - 1] != '_') continue;
        bool d = base == 16 ? ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f'))
                            : (c >= '0' && c < '0' + base);
        if (!d) break;
        end = i + 1;
    }
    return end;
}

static HthStatus push_int(Lexer *l, size_t end) {
    int64_t v;
    if (!hth_j_parse_int((HthStr){ l->s + l->at, end - l->at }, 0, &v))
        return hth_j_p_fail(l->p, HTH_ELIMIT, l->line, "an integer does not fit 64 bits");
    HthJToken tok = { .kind = HTH_J_T_INT,
                      .line = l->line,
                      .text = { l->s + l->at, end - l->at },
                      .num = hth_j_int(v) };
    move_to(l, end);
    return lex_push(l, tok);
}

static HthStatus lex_number(Lexer *l) {
    size_t at = l->at;
    static const struct {
        char mark;
        int base;
    } prefixed[] = { { 'b', 2 }, { 'o', 8 }, { 'x', 16 } };
    for (size_t i = 0; l->s[at] == '0' && at + 1 < l->n && i < HTH_COUNT(prefixed); i++) {
        if ((l->s[at + 1] | 32) != prefixed[i].mark) continue;
        size_t from = at + 2 + (at + 2 < l->n && l->s[at + 2] == '_');
        size_t end = digits_at(l, from, prefixed[i].base);
        if (end > from) return push_int(l, end);
    }
    size_t whole = digits_at(l, at, 10), end = whole;
    bool after_dot = at > 0 && l->s[at - 1] == '.';
    if (end < l->n && l->s[end] == '.') {
        size_t frac = digits_at(l, end + 1, 10);
        if (frac > end + 1) end = frac;
    }
    if (end < l->n && (l->s[end] | 32) == 'e') {
        size_t exp = end + 1;
        if (exp < l->n && (l->s[exp] == '+' || l->s[exp] == '-')) exp++;
        size_t exp_end = digits_at(l, exp, 10);
        if (exp_end > exp) end = exp_end;
    }
    if (end > whole && !after_dot) {
        double f;
        if (!hth_j_parse_float((HthStr){ l->s + at, end - at }, &f))
            return hth_j_p_fail(l->p, HTH_EFORMAT, l->line, "a number is malformed");
        HthJToken tok = { .kind = HTH_J_T_FLOAT, .line = l->line, .num = hth_j_float(f) };
        move_to(l, end);
        return lex_push(l, tok);
    }
    if (l->s[at] == '0') { /* Python: no leading zeros, but 0_0 is zero */
        whole = at + 1;
        while (whole < l->n && (l->s[whole] == '0' || l->s[whole] == '_')) whole++;
        while (l->s[whole - 1] == '_') whole--;
    }
    return push_int(l, whole);
}

static size_t name_end(const Lexer *l, size_t at) {
    for (size_t len; at < l->n; at += len) {
        uint32_t cp = hth_j_cp_at((HthStr){ l->s, l->n }, at, &len);
        if (!hth_j_class(cp, HTH_J_WORD)) break;
    }
    return at;
}

static HthStatus lex_operator(Lexer *l) {
    static const char *const ops[] = { "//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                       "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                       ">",  "<",  "=",  ".",  ":",  "|",  ",", ";" };
    for (size_t i = 0; i < HTH_COUNT(ops); i++) {
        HthStr op = hth_str(ops[i]);
        if (!is_at(l, l->at, ops[i])) continue;
        char c = op.p[0];
        if (c == '(' || c == '[' || c == '{') {
            if (l->open == HTH_COUNT(l->stack))
                return hth_j_p_fail(l->p, HTH_ELIMIT, l->line, "brackets nest deeper than %u",
                                    HTH_J_DEPTH_MAX);
            l->stack[l->open++] = c == '(' ? ')' : c == '[' ? ']' : '}';
        } else if (c == ')' || c == ']' || c == '}') {
            if (l->open == 0 || l->stack[--l->open] != c)
                return hth_j_p_fail(l->p, HTH_EFORMAT, l->line, "a '%c' closes nothing", c);
        }
        HthJToken tok = { .kind = HTH_J_T_OP, .line = l->line, .text = op };
        move_to(l, l->at + op.n);
        return lex_push(l, tok);
    }
    return hth_j_p_fail(l->p, HTH_EFORMAT, l->line, "a character has no meaning inside a tag");
}

/* Tokens of one tag, up to and with its end mark. */
static HthStatus lex_tag(Lexer *l, bool block) {
    uint32_t line = l->line;
    l->open = 0;
    for (;;) {
        if (l->at >= l->n)
            return hth_j_p_fail(l->p, HTH_EFORMAT, line, "the tag is never closed with %s",
                                block ? "%}" : "}}");
        size_t to = 0;
        if (l->open == 0 && block) to = end_mark(l, l->at, "%}");
        if (l->open == 0 && !block) {
            if (is_at(l, l->at, "-}}"))
                to = skip_space(l, l->at + 3);
            else if (is_at(l, l->at, "}}"))
                to = l->at + 2;
        }
        if (to) {
            HTH_TRY(lex_push(l, (HthJToken){ .kind = block ? HTH_J_T_BLOCK_END : HTH_J_T_VAR_END,
                                             .line = l->line }));
            move_to(l, to);
            return HTH_OK;
        }
        size_t past = skip_space(l, l->at);
        if (past > l->at) {
            move_to(l, past);
            continue;
        }
        char c = l->s[l->at];
        size_t end;
        if (c >= '0' && c <= '9') {
            HTH_TRY(lex_number(l));
        } else if ((end = name_end(l, l->at)) > l->at) {
            HthJToken tok = { .kind = HTH_J_T_NAME,
                              .line = l->line,
                              .text = { l->s + l->at, end - l->at } };
            move_to(l, end);
            HTH_TRY(lex_push(l, tok));
        } else if (c == '"' || c == '\'') {
            HTH_TRY(lex_string(l));
        } else {
            HTH_TRY(lex_operator(l));
        }
    }
}

/* The next "{%", "{{" or "{#" from l->at, or l->n. */
static size_t next_tag(const Lexer *l) {
    for (size_t at = l->at; at + 1 < l->n; at++) {
        char c = l->s[at + 1];
        if (l->s[at] == '{' && (c == '%' || c == '{' || c == '#')) return at;
    }
    return l->n;
}

/* \r\n and \r become \n; one newline at the very end goes. */
static HthStatus normalise(HthJParser *p, Lexer *l) {
    HthStr src = p->t->source;
    char *s = hth_j_p_take(p, src.n + 1, 1);
    if (!s) return hth_j_p_nomem(p);
    size_t n = 0;
    for (size_t i = 0; i < src.n; i++) {
        if (src.p[i] == '\r') {
            if (i + 1 < src.n && src.p[i + 1] == '\n') continue;
            s[n++] = '\n';
        } else {
            s[n++] = src.p[i];
        }
    }
    if (n > 0 && s[n - 1] == '\n') n--;
    *l = (Lexer){ .p = p, .s = s, .n = n, .line = 1, .line_starting = true };
    return HTH_OK;
}

HthStatus hth_j_lex(HthJParser *p) {
    Lexer l = { 0 };
    HTH_TRY(normalise(p, &l));
    for (;;) {
        size_t tag = next_tag(&l);
        char kind = tag < l.n ? l.s[tag + 1] : 0;
        char sign = tag + 2 < l.n ? l.s[tag + 2] : 0;
        HTH_TRY(lex_data(&l, tag, sign, kind == '%' || kind == '#'));
        move_to(&l, tag);
        if (tag == l.n) break;
        size_t content = kind == '%' ? raw_begin(&l) : 0;
        if (content) {
            HTH_TRY(lex_raw(&l, content));
            continue;
        }
        if (kind == '#') {
            HTH_TRY(lex_comment(&l));
            continue;
        }
        HTH_TRY(lex_push(
            &l, (HthJToken){ .kind = kind == '%' ? HTH_J_T_BLOCK : HTH_J_T_VAR, .line = l.line }));
        move_to(&l, tag + 2 + (sign == '-' || sign == '+'));
        HTH_TRY(lex_tag(&l, kind == '%'));
    }
    return lex_push(&l, (HthJToken){ .kind = HTH_J_T_EOF, .line = l.line });
}
