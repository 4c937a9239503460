/* modelfile.c - see modelfile.h.
 *
 * The language is Ollama's: a command and its value per line, values plain to the end of the line,
 * in "quotation marks", or in """three""" over many lines; nothing is escaped.
 *
 * Thread: any. */
#include "vault/modelfile.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "vault/settings.h"

typedef struct Reader {
    HthStr text;
    size_t at;
    unsigned line;
    json_t *out;
    HthErr *err;
} Reader;

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static bool ended(const Reader *r) {
    return r->at >= r->text.n;
}

static void skip_blanks(Reader *r) {
    while (!ended(r) && is_blank(r->text.p[r->at])) r->at++;
}

/* Letters, digits and '_', as one word; may be empty. */
static HthStr word(Reader *r) {
    const size_t from = r->at;
    while (!ended(r)) {
        const char c = r->text.p[r->at];
        const bool in =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (!in) break;
        r->at++;
    }
    return hth_str_sub(r->text, from, r->at - from);
}

static void count_lines(Reader *r, HthStr s) {
    for (size_t i = 0; i < s.n; i++) r->line += s.p[i] == '\n';
}

/* After a quoted value only blanks may stand on its line. */
static HthStatus end_of_line(Reader *r) {
    skip_blanks(r);
    HTH_REQUIRE(ended(r) || r->text.p[r->at] == '\n', r->err, HTH_EFORMAT,
                "Modelfile, line %u: there is something after the closing quotation mark", r->line);
    return HTH_OK;
}

static HthStatus quoted(Reader *r, HthStr mark, HthStr *out) {
    r->at += mark.n;
    const HthStr rest = hth_str_sub(r->text, r->at, r->text.n);
    const size_t end = hth_str_find(rest, mark);
    HTH_REQUIRE(end != SIZE_MAX, r->err, HTH_EFORMAT,
                "Modelfile, line %u: the quotation mark that begins here is never closed", r->line);
    *out = hth_str_sub(rest, 0, end);
    count_lines(r, *out);
    r->at += end + mark.n;
    return end_of_line(r);
}

static HthStatus value(Reader *r, HthStr *out) {
    skip_blanks(r);
    const HthStr rest = hth_str_sub(r->text, r->at, r->text.n);
    if (hth_str_starts(rest, HTH_STR("\"\"\""))) return quoted(r, HTH_STR("\"\"\""), out);
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '\n') n++;
    const HthStr line = hth_str_trim(hth_str_sub(rest, 0, n));
    /* "a" b" is the text a" b, as its inventor reads it: the marks are its first and last. */
    const bool marks = line.n >= 2 && line.p[0] == '"' && line.p[line.n - 1] == '"';
    if (!marks && line.n && line.p[0] == '"') return quoted(r, HTH_STR("\""), out);
    *out = marks ? hth_str_sub(line, 1, line.n - 2) : line;
    r->at += n;
    return HTH_OK;
}

static HthStatus no_memory(Reader *r) {
    return HTH_FAIL(r->err, HTH_ENOMEM, "out of memory for a Modelfile");
}

static HthStatus set_text(Reader *r, const char *member, HthStr text) {
    HTH_REQUIRE(hth_utf8_valid(text), r->err, HTH_EFORMAT,
                "Modelfile, line %u: a text that is not UTF-8", r->line);
    return json_object_set_new(r->out, member, json_stringn(text.p, text.n)) ? no_memory(r)
                                                                             : HTH_OK;
}

/* An array that is there or made. */
static json_t *array_in(json_t *object, const char *member) {
    json_t *a = json_object_get(object, member);
    if (json_is_array(a)) return a;
    return json_object_set_new(object, member, json_array()) ? NULL
                                                             : json_object_get(object, member);
}

static HthStatus do_license(Reader *r, HthStr text) {
    HTH_REQUIRE(hth_utf8_valid(text), r->err, HTH_EFORMAT,
                "Modelfile, line %u: a text that is not UTF-8", r->line);
    json_t *a = array_in(r->out, "license");
    return !a || json_array_append_new(a, json_stringn(text.p, text.n)) ? no_memory(r) : HTH_OK;
}

static HthStatus do_parameter(Reader *r) {
    skip_blanks(r);
    const unsigned line = r->line;
    char name[HTH_PARAMETER_NAME_MAX + 1];
    const HthStr w = word(r);
    HTH_REQUIRE(w.n && w.n < sizeof name && !ended(r) && is_blank(r->text.p[r->at]), r->err,
                HTH_EFORMAT, "Modelfile, line %u: PARAMETER needs a name and a value", line);
    memcpy(name, w.p, w.n);
    name[w.n] = '\0';
    HthStr text;
    HTH_TRY(value(r, &text));
    json_t *p = json_object_get(r->out, "parameters");
    if (!p) {
        if (json_object_set_new(r->out, "parameters", json_object())) return no_memory(r);
        p = json_object_get(r->out, "parameters");
    }
    return hth_parameter_set(p, name, text, line, r->err);
}

static HthStatus do_message(Reader *r) {
    skip_blanks(r);
    const unsigned line = r->line;
    const HthStr role = word(r);
    HTH_REQUIRE(hth_role_ok(role), r->err, HTH_EFORMAT,
                "Modelfile, line %u: MESSAGE needs a role: system, user or assistant", line);
    HthStr text;
    HTH_TRY(value(r, &text));
    HTH_REQUIRE(hth_utf8_valid(text), r->err, HTH_EFORMAT,
                "Modelfile, line %u: a text that is not UTF-8", line);
    json_t *a = array_in(r->out, "messages");
    json_t *o = a ? json_object() : NULL;
    if (!o || json_object_set_new(o, "role", json_stringn(role.p, role.n)) ||
        json_object_set_new(o, "content", json_stringn(text.p, text.n)) ||
        json_array_append(a, o)) {
        json_decref(o);
        return no_memory(r);
    }
    json_decref(o);
    return HTH_OK;
}

static HthStatus do_text(Reader *r, const char *member) {
    const unsigned line = r->line;
    HthStr text;
    HTH_TRY(value(r, &text));
    HTH_REQUIRE(text.n, r->err, HTH_EFORMAT, "Modelfile, line %u: the value is missing", line);
    if (!strcmp(member, "license")) return do_license(r, text);
    return set_text(r, member, text);
}

static HthStatus command(Reader *r) {
    static const char *const texts[] = { "from",    "template", "system",
                                         "adapter", "license",  "requires" };
    const HthStr w = word(r);
    char name[16] = "";
    if (w.n < sizeof name) memcpy(name, w.p, w.n);
    const bool blank = !ended(r) && is_blank(r->text.p[r->at]);
    for (size_t i = 0; blank && i < HTH_COUNT(texts); i++)
        if (!strcasecmp(name, texts[i])) return do_text(r, texts[i]);
    if (blank && !strcasecmp(name, "parameter")) return do_parameter(r);
    if (blank && !strcasecmp(name, "message")) return do_message(r);
    return HTH_FAIL(r->err, HTH_EFORMAT,
                    "Modelfile, line %u: a line begins with FROM, PARAMETER, TEMPLATE, SYSTEM, "
                    "ADAPTER, LICENSE, MESSAGE or REQUIRES, or with # for a comment",
                    r->line);
}

static HthStatus read_all(Reader *r) {
    if (hth_str_starts(r->text, HTH_STR("\xef\xbb\xbf"))) r->at = 3;
    while (!ended(r)) {
        const char c = r->text.p[r->at];
        if (c == '\n') {
            r->line++;
            r->at++;
        } else if (is_blank(c)) {
            r->at++;
        } else if (c == '#') {
            while (!ended(r) && r->text.p[r->at] != '\n') r->at++;
        } else {
            HTH_TRY(command(r));
        }
    }
    HTH_REQUIRE(json_object_get(r->out, "from"), r->err, HTH_EFORMAT,
                "the Modelfile has no FROM: it must say which model it begins with");
    return hth_settings_check(r->out, r->err);
}

HthStatus hth_modelfile_parse(json_t **out, HthStr text, HthErr *err) {
    HTH_REQUIRE(text.n <= HTH_MODELFILE_MAX, err, HTH_ELIMIT,
                "the Modelfile is longer than the limit of %d bytes", HTH_MODELFILE_MAX);
    Reader r = { .text = text, .line = 1, .out = json_object(), .err = err };
    if (!r.out) return no_memory(&r);
    const HthStatus status = read_all(&r);
    if (status != HTH_OK)
        json_decref(r.out);
    else
        *out = r.out;
    return status;
}

/* ---- writing -------------------------------------------------------------------------------- */

static bool needs_marks(HthStr s) {
    return s.n == 0 || is_blank(s.p[0]) || is_blank(s.p[s.n - 1]) || s.p[0] == '"';
}

static HthStatus put_value(HthBuf *out, HthStr s, HthErr *err) {
    const bool three = memchr(s.n ? s.p : "", '\n', s.n) || (s.n && memchr(s.p, '"', s.n));
    const bool marks = three || needs_marks(s);
    const bool fits =
        !three || (hth_str_find(s, HTH_STR("\"\"\"")) == SIZE_MAX && s.p[s.n - 1] != '"');
    HTH_REQUIRE(fits, err, HTH_EINVAL,
                "a text that ends with a quotation mark or has three in a row cannot be written in "
                "a Modelfile; edit the manifest instead");
    const HthStr mark = three ? HTH_STR("\"\"\"") : marks ? HTH_STR("\"") : HTH_STR("");
    HTH_TRY(hth_buf_add_str(out, mark, err));
    HTH_TRY(hth_buf_add_str(out, s, err));
    HTH_TRY(hth_buf_add_str(out, mark, err));
    return hth_buf_add_char(out, '\n', err);
}

static HthStr text_of(const json_t *s) {
    return json_is_string(s) ? (HthStr){ json_string_value(s), json_string_length(s) }
                             : HTH_STR("");
}

static HthStatus put_parameter(HthBuf *out, const char *head, int width, const char *name,
                               const json_t *v, bool go, HthErr *err) {
    HTH_TRY(hth_buf_printf(out, err, "%s%-*s ", head, width, name));
    if (json_is_string(v) && !go) return put_value(out, text_of(v), err);
    if (json_is_real(v)) {
        HTH_TRY(hth_parameter_print_real(out, json_real_value(v), err));
    } else {
        HTH_TRY(hth_json_write(out, v, 0, err)); /* numbers, true, "quoted \"text\"" */
    }
    return hth_buf_add_char(out, '\n', err);
}

static HthStatus put_parameters(HthBuf *out, const char *head, int width, const json_t *parameters,
                                bool go, HthErr *err) {
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)parameters, name, v) {
        if (!json_is_array(v)) {
            HTH_TRY(put_parameter(out, head, width, name, v, go, err));
            continue;
        }
        for (size_t i = 0; i < json_array_size(v); i++)
            HTH_TRY(put_parameter(out, head, width, name, json_array_get(v, i), go, err));
    }
    return HTH_OK;
}

HthStatus hth_parameters_print(HthBuf *out, const json_t *parameters, HthErr *err) {
    const size_t before = out->n;
    HTH_TRY(put_parameters(out, "", 30, parameters, true, err));
    if (out->n > before) out->p[--out->n] = '\0';
    return HTH_OK;
}

static HthStatus put_text(HthBuf *out, const char *head, const json_t *text, HthErr *err) {
    if (!text_of(text).n) return HTH_OK;
    HTH_TRY(hth_buf_printf(out, err, "%s ", head));
    return put_value(out, text_of(text), err);
}

static HthStatus print_all(HthBuf *out, const json_t *s, HthErr *err) {
    HTH_TRY(put_text(out, "FROM", json_object_get(s, "from"), err));
    HTH_TRY(put_text(out, "REQUIRES", json_object_get(s, "requires"), err));
    HTH_TRY(put_text(out, "TEMPLATE", json_object_get(s, "template"), err));
    HTH_TRY(put_text(out, "SYSTEM", json_object_get(s, "system"), err));
    HTH_TRY(put_text(out, "ADAPTER", json_object_get(s, "adapter"), err));
    HTH_TRY(put_parameters(out, "PARAMETER ", 0, json_object_get(s, "parameters"), false, err));
    const json_t *a = json_object_get(s, "messages");
    for (size_t i = 0; i < json_array_size(a); i++) {
        const json_t *m = json_array_get(a, i);
        HTH_TRY(
            hth_buf_printf(out, err, "MESSAGE %s ", json_string_value(json_object_get(m, "role"))));
        HTH_TRY(put_value(out, text_of(json_object_get(m, "content")), err));
    }
    a = json_object_get(s, "license");
    for (size_t i = 0; i < json_array_size(a); i++)
        HTH_TRY(put_text(out, "LICENSE", json_array_get(a, i), err));
    return HTH_OK;
}

HthStatus hth_modelfile_print(HthBuf *out, const json_t *settings, HthErr *err) {
    const size_t before = out->n;
    const HthStatus status = print_all(out, settings, err);
    if (status != HTH_OK && out->p) {
        out->n = before;
        out->p[before] = '\0';
    }
    return status;
}
