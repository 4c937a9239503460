/* reply_value.c - the arguments of a call, as a model writes them, to JSON: byte by byte.
 *
 * Reads JSON, Python's literals and values whose strings stand between tokens.  Blanks outside
 * strings go, a comma is written only with what follows it, numbers and words when they are whole:
 * so whatever has been written can be completed.  What models get wrong without being unclear (a
 * raw newline in a string, a backslash before a character that needs none) is read as meant;
 * anything else is BAD.
 *
 * Thread: a value has one owner. */
#include <string.h>

#include "text/reply_int.h"

HthStatus hth_json_escape(HthBuf *out, HthStr text, HthErr *err) {
    static const char short_for[] = "btnvfr"; /* 8..13; there is none for 11 */
    size_t from = 0;
    for (size_t i = 0; i < text.n; i++) {
        const uint8_t c = (uint8_t)text.p[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        HTH_TRY(hth_buf_add(out, text.p + from, i - from, err));
        from = i + 1;
        if (c == '"' || c == '\\')
            HTH_TRY(hth_buf_printf(out, err, "\\%c", c));
        else if (c >= 8 && c <= 13 && c != 11)
            HTH_TRY(hth_buf_printf(out, err, "\\%c", short_for[c - 8]));
        else
            HTH_TRY(hth_buf_printf(out, err, "\\u%04x", c));
    }
    return hth_buf_add(out, text.p + from, text.n - from, err);
}

void hth_value_begin(HthValue *v, HthValueMode mode, HthStr quote, HthBuf *out) {
    memset(v, 0, sizeof *v);
    v->mode = mode;
    v->quote = quote;
    v->out = out;
}

/* Before anything that begins a value or a key. */
static HthStatus due(HthValue *v, HthErr *err) {
    if (!v->comma) return HTH_OK;
    v->comma = false;
    return hth_buf_add_char(v->out, ',', err);
}

static void after(HthValue *v) {
    v->colon = false;
    v->state = v->depth ? HTH_V_AFTER : HTH_V_DONE;
}

static HthStatus open_level(HthValue *v, char c, HthErr *err) {
    if (v->depth == HTH_VALUE_DEPTH_MAX) {
        v->bad = true;
        return HTH_OK;
    }
    HTH_TRY(due(v, err));
    HTH_TRY(hth_buf_add_char(v->out, c == '[' ? '[' : '{', err));
    v->kind[v->depth++] = c;
    v->colon = false;
    v->state = c == '[' ? HTH_V_VALUE_OR_CLOSE : HTH_V_KEY_OR_CLOSE;
    return HTH_OK;
}

static HthStatus close_level(HthValue *v, HthErr *err) {
    v->comma = false;
    v->depth--;
    HTH_TRY(hth_buf_add_char(v->out, v->kind[v->depth] == '[' ? ']' : '}', err));
    after(v);
    return HTH_OK;
}

static bool closes(const HthValue *v, char c) {
    if (!v->depth) return false;
    const char k = v->kind[v->depth - 1];
    return c == (k == '[' ? ']' : k == '{' ? '}' : ')');
}

/* --- strings --- */

static HthStatus add_char(HthValue *v, uint32_t cp, HthErr *err) {
    char utf8[4];
    if (!cp && v->key) cp = 0xFFFD; /* JSON readers refuse it there */
    const size_t n = hth_utf8_encode(cp, utf8);
    return hth_json_escape(v->out, n ? (HthStr){ utf8, n } : HTH_STR("\xEF\xBF\xBD"), err);
}

static HthStatus lone(HthValue *v, HthErr *err) { /* a high surrogate whose other half is missing */
    if (!v->high) return HTH_OK;
    v->high = 0;
    return add_char(v, 0xFFFD, err);
}

static HthStatus open_string(HthValue *v, char end, bool key, HthErr *err) {
    HTH_TRY(due(v, err));
    HTH_TRY(hth_buf_add_char(v->out, '"', err));
    v->end = end;
    v->key = key;
    v->quoted = v->escape_n = v->high = 0;
    v->state = HTH_V_STRING;
    return HTH_OK;
}

static HthStatus close_string(HthValue *v, HthErr *err) {
    HTH_TRY(lone(v, err));
    HTH_TRY(hth_buf_add_char(v->out, '"', err));
    if (v->key)
        v->state = HTH_V_COLON;
    else
        after(v);
    return HTH_OK;
}

static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* How many digits follow the backslash and this letter; 0: it is whole. */
static uint32_t escape_digits(const HthValue *v, char letter) {
    if (letter == 'u') return 4;
    if (v->mode != HTH_VALUE_PYTHON) return 0;
    return letter == 'x' ? 2 : letter == 'U' ? 8 : 0;
}

static HthStatus string_raw(HthValue *v, HthStr s, HthErr *err) {
    HTH_TRY(lone(v, err));
    for (const char *zero; v->key && s.n && (zero = memchr(s.p, 0, s.n));) {
        const size_t n = (size_t)(zero - s.p);
        HTH_TRY(hth_json_escape(v->out, hth_str_sub(s, 0, n), err));
        HTH_TRY(add_char(v, 0, err));
        s = hth_str_sub(s, n + 1, s.n);
    }
    return hth_json_escape(v->out, s, err);
}

static HthStatus escape_short(HthValue *v, char c, HthErr *err) {
    static const char from[] = "\"\\/bfnrt'", to[] = "\"\\/\b\f\n\r\t'";
    const char *at = memchr(from, c, sizeof from - 1);
    HTH_TRY(lone(v, err));
    if (!at) { /* \d, \alpha: the backslash was meant */
        HTH_TRY(hth_json_escape(v->out, HTH_STR("\\"), err));
        return string_raw(v, (HthStr){ &c, 1 }, err);
    }
    return hth_json_escape(v->out, (HthStr){ to + (at - from), 1 }, err);
}

static HthStatus escape_code(HthValue *v, uint32_t cp, HthErr *err) {
    if (v->high && cp >= 0xDC00 && cp < 0xE000) {
        cp = 0x10000 + ((v->high - 0xD800) << 10) + (cp - 0xDC00);
        v->high = 0;
        return add_char(v, cp, err);
    }
    HTH_TRY(lone(v, err));
    if (cp >= 0xD800 && cp < 0xDC00) {
        v->high = cp;
        return HTH_OK;
    }
    return add_char(v, cp, err);
}

/* One more byte of an escape; escape[0] is the letter after the backslash. */
static HthStatus escape_byte(HthValue *v, char c, HthErr *err) {
    v->escape[v->escape_n++ - 1] = c;
    const uint32_t read = v->escape_n - 1, digits = escape_digits(v, v->escape[0]);
    if (read > 1 && hex(c) < 0) { /* not an escape after all */
        v->bad = true;
        return HTH_OK;
    }
    if (read < 1 + digits) return HTH_OK;
    v->escape_n = 0;
    if (!digits) return escape_short(v, c, err);
    uint32_t cp = 0;
    for (uint32_t i = 1; i <= digits; i++) cp = cp << 4 | (uint32_t)hex(v->escape[i]);
    return escape_code(v, cp, err);
}

/* Strings between tokens: no escapes, only the token ends them. */
static HthStatus quoted_byte(HthValue *v, char c, HthErr *err) {
    if (c == v->quote.p[v->quoted]) {
        if (++v->quoted < v->quote.n) return HTH_OK;
        v->quoted = 0;
        if (!v->opening) return close_string(v, err);
        v->opening = false;
        return HTH_OK;
    }
    if (v->opening) {
        v->bad = true;
        return HTH_OK;
    }
    const uint32_t held = v->quoted;
    v->quoted = 0;
    HTH_TRY(string_raw(v, hth_str_sub(v->quote, 0, held), err));
    if (held && c == v->quote.p[0]) {
        v->quoted = 1;
        return HTH_OK;
    }
    return string_raw(v, (HthStr){ &c, 1 }, err);
}

/* Bytes of a string; returns how many were read. */
static HthStatus string_put(HthValue *v, HthStr text, size_t *used, HthErr *err) {
    *used = 1;
    if (!v->end) return quoted_byte(v, *text.p, err);
    if (v->escape_n) return escape_byte(v, *text.p, err);
    if (*text.p == v->end) return close_string(v, err);
    if (*text.p == '\\') {
        v->escape_n = 1;
        return HTH_OK;
    }
    while (*used < text.n && text.p[*used] != v->end && text.p[*used] != '\\') ++*used;
    return string_raw(v, hth_str_sub(text, 0, *used), err);
}

/* --- words --- */

static bool is_digits(HthStr s, size_t *at) {
    const size_t from = *at;
    while (*at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9') ++*at;
    return *at > from;
}

static bool is_number(HthStr s) { /* as JSON has them */
    size_t at = s.n && s.p[0] == '-';
    const bool zero = at < s.n && s.p[at] == '0';
    const size_t from = at;
    if (!is_digits(s, &at) || (zero && at > from + 1)) return false;
    if (at < s.n && s.p[at] == '.') {
        at++;
        if (!is_digits(s, &at)) return false;
    }
    if (at < s.n && (s.p[at] | 0x20) == 'e') {
        at++;
        if (at < s.n && (s.p[at] == '+' || s.p[at] == '-')) at++;
        if (!is_digits(s, &at)) return false;
    }
    double value; /* what no reader can hold is no number */
    return at == s.n && hth_str_f64(s, &value);
}

/* Digits that are too many for an integer of 64 bits: readers take them as a real number only. */
static bool too_long(HthStr number) {
    int64_t value;
    for (size_t i = 0; i < number.n; i++)
        if (number.p[i] != '-' && (number.p[i] < '0' || number.p[i] > '9')) return false;
    return !hth_str_i64(number, &value);
}

static HthStr word_json(HthStr word) { /* empty: no such word */
    static const char *const words[][2] = { { "true", "true" },   { "True", "true" },
                                            { "false", "false" }, { "False", "false" },
                                            { "null", "null" },   { "None", "null" } };
    for (size_t i = 0; i < HTH_COUNT(words); i++)
        if (hth_str_eq(word, hth_str(words[i][0]))) return hth_str(words[i][1]);
    return is_number(word) ? word : HTH_STR("");
}

static bool in_word(char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' ||
           c == '+' || c == '.' || c == '_';
}

static void word_add(HthValue *v, char c, HthValueState state) {
    if (v->word_n == HTH_VALUE_WORD_MAX)
        v->bad = true;
    else {
        v->word[v->word_n++] = c;
        v->state = state;
    }
}

static HthStatus word_whole(HthValue *v, HthErr *err) {
    const HthStr json = word_json((HthStr){ v->word, v->word_n });
    v->word_n = 0;
    if (!json.n) {
        v->bad = true;
        return HTH_OK;
    }
    HTH_TRY(due(v, err));
    HTH_TRY(hth_buf_add_str(v->out, json, err));
    if (too_long(json)) HTH_TRY(hth_buf_add(v->out, "e0", 2, err));
    after(v);
    return HTH_OK;
}

/* --- the machine --- */

static HthStatus value_begins(HthValue *v, char c, HthErr *err) {
    if (v->mode == HTH_VALUE_BARE && v->quote.n && c == v->quote.p[0]) {
        HTH_TRY(open_string(v, 0, false, err));
        v->opening = true;
        return quoted_byte(v, c, err);
    }
    if (c == '"' || (c == '\'' && v->mode == HTH_VALUE_PYTHON))
        return open_string(v, c, false, err);
    if (c == '{' || c == '[') return open_level(v, c, err);
    if (!in_word(c))
        v->bad = true;
    else
        word_add(v, c, HTH_V_WORD);
    return HTH_OK;
}

static HthStatus key_begins(HthValue *v, char c, HthErr *err) {
    const bool call = v->depth && v->kind[v->depth - 1] == '(';
    if (!call && (c == '"' || (c == '\'' && v->mode == HTH_VALUE_PYTHON)))
        return open_string(v, c, true, err);
    if ((!call && v->mode != HTH_VALUE_BARE) || !in_word(c))
        v->bad = true;
    else
        word_add(v, c, HTH_V_KEY_WORD);
    return HTH_OK;
}

static HthStatus key_word(HthValue *v, char c, HthErr *err) {
    if (in_word(c)) {
        word_add(v, c, HTH_V_KEY_WORD);
        return HTH_OK;
    }
    const HthStr word = { v->word, v->word_n };
    v->word_n = 0;
    HTH_TRY(due(v, err));
    HTH_TRY(hth_buf_add_char(v->out, '"', err));
    HTH_TRY(hth_json_escape(v->out, word, err));
    HTH_TRY(hth_buf_add_char(v->out, '"', err));
    v->state = HTH_V_COLON;
    return HTH_OK;
}

static HthStatus colon(HthValue *v, char c, HthErr *err) {
    if (c != (v->kind[v->depth - 1] == '(' ? '=' : ':')) {
        v->bad = true;
        return HTH_OK;
    }
    HTH_TRY(hth_buf_add_char(v->out, ':', err));
    v->colon = true;
    v->state = HTH_V_VALUE;
    return HTH_OK;
}

/* One byte outside strings; *used 0 when it has to be looked at again. */
static HthStatus step(HthValue *v, char c, size_t *used, HthErr *err) {
    const HthValueState was = v->state;
    *used = 1;
    if (was == HTH_V_WORD) {
        if (in_word(c)) {
            word_add(v, c, HTH_V_WORD);
            return HTH_OK;
        }
        *used = 0;
        return word_whole(v, err);
    }
    if (was == HTH_V_KEY_WORD) {
        *used = in_word(c);
        return key_word(v, c, err);
    }
    if (hth_is_blank(c)) return HTH_OK;
    if (was == HTH_V_COLON) return colon(v, c, err);
    const bool open = was == HTH_V_VALUE && !v->comma; /* a value has to come */
    if (!open && closes(v, c)) return close_level(v, err); /* also after a comma too many */
    if (was == HTH_V_AFTER) {
        if (c != ',') {
            v->bad = true;
            return HTH_OK;
        }
        v->comma = true;
        v->state = v->kind[v->depth - 1] == '[' ? HTH_V_VALUE : HTH_V_KEY;
        return HTH_OK;
    }
    if (was == HTH_V_KEY || was == HTH_V_KEY_OR_CLOSE) return key_begins(v, c, err);
    if (c == '(' && !v->depth && v->mode == HTH_VALUE_PYTHON) return open_level(v, c, err);
    return value_begins(v, c, err);
}

HthStatus hth_value_put(HthValue *v, HthStr text, size_t *used, HthErr *err) {
    *used = 0;
    while (*used < text.n && v->state != HTH_V_DONE && !v->bad) {
        const HthStr rest = { text.p + *used, text.n - *used };
        size_t n = 0;
        if (v->state == HTH_V_STRING)
            HTH_TRY(string_put(v, rest, &n, err));
        else
            HTH_TRY(step(v, *rest.p, &n, err));
        if (!v->bad) *used += n;
    }
    return HTH_OK;
}

HthStatus hth_value_end(HthValue *v, HthErr *err) {
    if (v->state == HTH_V_WORD) return word_whole(v, err);
    return HTH_OK;
}

/* A string or word that was being read ends here; nothing of an unfinished escape is kept. */
static HthStatus close_open(HthValue *v, HthErr *err) {
    const HthStr word = word_json((HthStr){ v->word, v->word_n });
    if (v->state == HTH_V_STRING) return close_string(v, err);
    if (v->state == HTH_V_WORD && word.n && !v->bad) return word_whole(v, err);
    return HTH_OK;
}

HthStatus hth_value_close(HthValue *v, HthErr *err) {
    HTH_TRY(close_open(v, err));
    if (v->state == HTH_V_COLON)
        HTH_TRY(hth_buf_add(v->out, ":null", 5, err));
    else if (v->colon)
        HTH_TRY(hth_buf_add(v->out, "null", 4, err));
    while (v->depth) HTH_TRY(close_level(v, err));
    v->bad = false;
    v->state = HTH_V_DONE;
    return HTH_OK;
}
