/* settings.c - see settings.h.
 *
 * The parameters are those Ollama's Modelfiles may have (the ones it no longer uses among them:
 * old files have them) and those of hearth's own samplers.
 *
 * Thread: any. */
#include "vault/settings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "vault/modelfile.h"

typedef enum Kind { K_INT, K_REAL, K_BOOL, K_TEXT, K_TEXTS } Kind;

/* clang-format off */
static const struct {
    const char *name;
    Kind kind;
} known[] = {
    { "num_ctx", K_INT },           { "num_predict", K_INT },       { "num_keep", K_INT },
    { "num_batch", K_INT },         { "num_gpu", K_INT },           { "main_gpu", K_INT },
    { "num_thread", K_INT },        { "num_gqa", K_INT },           { "use_mmap", K_BOOL },
    { "use_mlock", K_BOOL },        { "low_vram", K_BOOL },         { "f16_kv", K_BOOL },
    { "numa", K_BOOL },             { "vocab_only", K_BOOL },       { "logits_all", K_BOOL },
    { "penalize_newline", K_BOOL }, { "draft_num_predict", K_INT }, { "tfs_z", K_REAL },
    { "seed", K_INT },              { "stop", K_TEXTS },            { "temperature", K_REAL },
    { "top_k", K_INT },             { "top_p", K_REAL },            { "min_p", K_REAL },
    { "typical_p", K_REAL },        { "repeat_penalty", K_REAL },   { "repeat_last_n", K_INT },
    { "presence_penalty", K_REAL }, { "frequency_penalty", K_REAL },
    { "mirostat", K_INT },          { "mirostat_tau", K_REAL },     { "mirostat_eta", K_REAL },
    { "dry_multiplier", K_REAL },   { "dry_base", K_REAL },         { "dry_allowed_length", K_INT },
    { "dry_penalty_last_n", K_INT }, { "dry_sequence_breaker", K_TEXTS },
    { "xtc_probability", K_REAL },  { "xtc_threshold", K_REAL },    { "min_keep", K_INT },
    { "samplers", K_TEXT },         { "logit_bias", K_TEXT },
};
static const char *const kind_words[] = { "a whole number", "a number", "true or false", "a text",
                                          "a text, or an array of texts" };
/* clang-format on */

static int find(const char *name) {
    for (size_t i = 0; i < HTH_COUNT(known); i++)
        if (!strcmp(known[i].name, name)) return (int)i;
    return -1;
}

bool hth_role_ok(HthStr role) {
    return hth_str_eq(role, HTH_STR("system")) || hth_str_eq(role, HTH_STR("user")) ||
           hth_str_eq(role, HTH_STR("assistant"));
}

/* ---- one parameter as text ------------------------------------------------------------------ */

static json_t *truth(HthStr text) {
    static const char *const words[] = { "false", "0", "f", "true", "1", "t" };
    for (size_t i = 0; i < HTH_COUNT(words); i++)
        if (text.n == strlen(words[i]) && !strncasecmp(text.p, words[i], text.n))
            return json_boolean(i >= 3);
    return NULL;
}

/* NULL: the text is not of that kind (or memory is out: told apart by the caller). */
static json_t *from_text(Kind kind, HthStr text) {
    int64_t i;
    double d;
    switch (kind) {
    case K_INT: return hth_str_i64(text, &i) ? json_integer(i) : NULL;
    case K_REAL: return hth_str_f64(text, &d) ? json_real(d) : NULL;
    case K_BOOL: return truth(text);
    default: return json_stringn(text.p, text.n);
    }
}

static bool reads(Kind kind, HthStr text) {
    int64_t i;
    double d;
    if (kind == K_INT) return hth_str_i64(text, &i);
    if (kind == K_REAL) return hth_str_f64(text, &d);
    if (kind == K_BOOL) return truth(text) != NULL; /* constants: nothing to give back */
    return hth_utf8_valid(text);
}

HthStatus hth_parameter_set(json_t *parameters, const char *name, HthStr text, unsigned line,
                            HthErr *err) {
    const int k = find(name);
    HTH_REQUIRE(k >= 0, err, HTH_EINVAL, "Modelfile, line %u: there is no parameter '%s'", line,
                name);
    HTH_REQUIRE(reads(known[k].kind, text), err, HTH_EINVAL,
                "Modelfile, line %u: parameter %s must be %s", line, name,
                kind_words[known[k].kind]);
    json_t *v = from_text(known[k].kind, text);
    int bad = v == NULL;
    json_t *old = json_object_get(parameters, name);
    if (known[k].kind == K_TEXTS && !bad) {
        if (!old) {
            bad = json_object_set_new(parameters, name, json_array());
            old = json_object_get(parameters, name);
        }
        bad = bad || json_array_append(old, v);
        json_decref(v);
        HTH_REQUIRE(bad || json_array_size(old) <= HTH_PARAMETER_TEXTS_MAX, err, HTH_ELIMIT,
                    "Modelfile, line %u: more than %d times %s", line, HTH_PARAMETER_TEXTS_MAX,
                    name);
    } else if (!bad) {
        bad = json_object_set_new(parameters, name, v);
    }
    HTH_REQUIRE(!bad, err, HTH_ENOMEM, "out of memory for a Modelfile");
    return HTH_OK;
}

HthStatus hth_parameter_print_real(HthBuf *out, double v, HthErr *err) {
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        double back;
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (hth_str_f64(hth_str(text), &back) && back == v) break;
    }
    const bool whole = !strpbrk(text, ".e");
    return hth_buf_printf(out, err, "%s%s", text, whole ? ".0" : "");
}

/* ---- settings as JSON ----------------------------------------------------------------------- */

static bool is_texts(const json_t *v) {
    if (json_is_string(v)) return true;
    if (!json_is_array(v) || json_array_size(v) > HTH_PARAMETER_TEXTS_MAX) return false;
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!json_is_string(json_array_get(v, i))) return false;
    return true;
}

static bool fits(Kind kind, const json_t *v) {
    switch (kind) {
    case K_INT:
        return json_is_integer(v) || (json_is_real(v) && fabs(json_real_value(v)) < 9e15 &&
                                      json_real_value(v) == (double)(int64_t)json_real_value(v));
    case K_REAL: return json_is_number(v);
    case K_BOOL: return json_is_boolean(v);
    case K_TEXT: return json_is_string(v);
    default: return is_texts(v);
    }
}

static HthStatus check_parameters(const json_t *p, HthErr *err) {
    HTH_REQUIRE(!p || json_is_object(p), err, HTH_EINVAL, "'parameters' must be an object");
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)p, name, v) {
        const int k = find(name);
        HTH_REQUIRE(k >= 0, err, HTH_EINVAL,
                    "'parameters' has a name that is no parameter; the manual lists them");
        HTH_REQUIRE(fits(known[k].kind, v), err, HTH_EINVAL, "parameter %s must be %s",
                    known[k].name, kind_words[known[k].kind]);
    }
    return HTH_OK;
}

static HthStatus check_messages(const json_t *a, HthErr *err) {
    HTH_REQUIRE(!a || json_is_array(a), err, HTH_EINVAL, "'messages' must be an array");
    for (size_t i = 0; i < json_array_size(a); i++) {
        const json_t *m = json_array_get(a, i);
        const json_t *role = json_object_get(m, "role"), *content = json_object_get(m, "content");
        HTH_REQUIRE(json_is_string(content), err, HTH_EINVAL,
                    "messages[%zu] must have a 'content' that is a string", i);
        HTH_REQUIRE(json_is_string(role) &&
                        hth_role_ok((HthStr){ json_string_value(role), json_string_length(role) }),
                    err, HTH_EINVAL, "messages[%zu].role must be system, user or assistant", i);
    }
    return HTH_OK;
}

HthStatus hth_settings_check(const json_t *settings, HthErr *err) {
    static const char *const texts[] = { "from", "template", "system", "adapter", "requires" };
    HTH_REQUIRE(json_is_object(settings), err, HTH_EINVAL, "settings must be a JSON object");
    for (size_t i = 0; i < HTH_COUNT(texts); i++) {
        const json_t *v = json_object_get(settings, texts[i]);
        HTH_REQUIRE(!v || json_is_string(v), err, HTH_EINVAL, "'%s' must be a string", texts[i]);
    }
    const json_t *license = json_object_get(settings, "license");
    HTH_REQUIRE(!license || (json_is_array(license) && is_texts(license)), err, HTH_EINVAL,
                "'license' must be an array of at most %d strings", HTH_PARAMETER_TEXTS_MAX);
    HTH_TRY(check_parameters(json_object_get(settings, "parameters"), err));
    return check_messages(json_object_get(settings, "messages"), err);
}

static int copy_members(json_t *to, const json_t *from) {
    static const char *const members[] = { "template", "system",  "license",
                                           "messages", "adapter", "requires" };
    for (size_t i = 0; i < HTH_COUNT(members); i++) {
        const json_t *v = json_object_get(from, members[i]);
        if (v && json_object_set_new(to, members[i], json_deep_copy(v))) return -1;
    }
    const json_t *p = json_object_get(from, "parameters");
    if (!p) return 0;
    json_t *mine = json_object_get(to, "parameters");
    if (!mine) return json_object_set_new(to, "parameters", json_deep_copy(p));
    json_t *copy = json_deep_copy(p);
    const int bad = !copy || json_object_update(mine, copy);
    json_decref(copy);
    return bad;
}

json_t *hth_settings_over(const json_t *base, const json_t *over) {
    json_t *o = json_object();
    if (o && ((base && copy_members(o, base)) || (over && copy_members(o, over)))) {
        json_decref(o);
        return NULL;
    }
    return o;
}

/* ---- templates ------------------------------------------------------------------------------ */

/* Is this the inside of a {{ }} as Go has them: .Field, $x, range, end, if .Field, ...? */
static bool is_go(HthStr s) {
    static const char *const words[] = { "range ", "end",      "define ", "template ",  "block ",
                                         "if .",   "if $",     "if eq ",  "if ne ",     "if and ",
                                         "if or ", "if not .", "if (",    "else",       "with .",
                                         "break",  "continue", "slice .", "json .",     "/*",
                                         "if gt ", "if lt ",   "if len ", "currentDate" };
    if (s.n && s.p[0] == '-') s = hth_str_sub(s, 1, s.n);
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\n' || s.p[0] == '\t')) s = hth_str_sub(s, 1, s.n);
    if (s.n && (s.p[0] == '.' || s.p[0] == '$')) return true;
    for (size_t i = 0; i < HTH_COUNT(words); i++)
        if (hth_str_starts(s, hth_str(words[i]))) return true;
    return false;
}

HthTemplateKind hth_template_kind(HthStr text) {
    if (!text.n) return HTH_TEMPLATE_NONE;
    if (hth_str_find(text, HTH_STR("{%")) != SIZE_MAX) return HTH_TEMPLATE_JINJA;
    for (HthStr s = text;;) {
        const size_t at = hth_str_find(s, HTH_STR("{{"));
        if (at == SIZE_MAX) return HTH_TEMPLATE_JINJA;
        s = hth_str_sub(s, at + 2, s.n);
        if (is_go(s)) return HTH_TEMPLATE_GO;
    }
}
