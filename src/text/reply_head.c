/* reply_head.c - does a call begin here, and whose?
 *
 * Yes only when the marks, a name of the request's tools and the opening of the arguments are all
 * there: what is no call yet may still be text, what is one can no longer be taken back.
 *
 * Thread: a reply has one owner. */
#include <string.h>

#include "text/reply_int.h"

static size_t blanks(HthStr s, size_t at) {
    while (at < s.n && hth_is_blank(s.p[at])) at++;
    return at;
}

static HthStr from(HthStr s, size_t at) {
    return hth_str_sub(s, at, s.n);
}

static HthStr tool_name(const json_t *tool) {
    const json_t *f = json_object_get(tool, "function");
    const json_t *name = json_object_get(f ? f : tool, "name");
    return (HthStr){ json_is_string(name) ? json_string_value(name) : "",
                     json_string_length(name) };
}

const json_t *hth_tool_find(const json_t *tools, HthStr name) {
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);
        if (name.n && hth_str_eq(tool_name(tool), name)) return tool;
    }
    return NULL;
}

static bool name_byte(char c) {
    return hth_is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

/* The longest tool name text begins with; a name ends where no byte of a name follows. */
HthFit hth_reply_tool(const HthReply *r, HthStr text, size_t skip, HthHead *out) {
    HthFit fit = HTH_FIT_NO;
    const HthStr s = from(text, skip);
    for (size_t i = 0; i < json_array_size(r->cfg.tools); i++) {
        const json_t *tool = json_array_get(r->cfg.tools, i);
        const HthStr name = tool_name(tool);
        if (!name.n) continue;
        if (s.n <= name.n) {
            if (hth_str_starts(name, s)) return HTH_FIT_MORE;
        } else if (hth_str_starts(s, name) && !name_byte(s.p[name.n])) {
            fit = HTH_FIT_YES;
            out->name = name;
            out->tool = tool;
            out->used = skip + name.n;
        }
    }
    return fit;
}

/* --- JSON around name and arguments --- */

/* Past a JSON string that begins at `at`; 0: it does not end here. */
static size_t past_string(HthStr s, size_t at) {
    for (at++; at < s.n; at++) {
        if (s.p[at] == '\\')
            at++;
        else if (s.p[at] == '"')
            return at + 1;
    }
    return 0;
}

/* Past a value that nobody needs; 0: it does not end here. */
static size_t past_value(HthStr s, size_t at) {
    uint32_t depth = 0;
    while (at < s.n) {
        const char c = s.p[at];
        if (c == '"') {
            at = past_string(s, at);
            if (!at) return 0;
            if (!depth) return at;
            continue;
        }
        if ((c == ',' || c == '}' || c == ']') && !depth) return at;
        if (c == '{' || c == '[') depth++;
        if ((c == '}' || c == ']') && --depth == 0) return at + 1;
        at++;
    }
    return 0;
}

typedef struct Wrap { /* what has been found of an item */
    const json_t *tool;
    HthStr name;
    size_t args; /* 0: not yet */
    uint32_t depth, args_depth;
    bool named;
} Wrap;

static bool is_key(HthStr key, HthStr learned, const char *usual, const char *also) {
    return hth_str_eq(key, learned) || hth_str_eq(key, hth_str(usual)) ||
           hth_str_eq(key, hth_str(also));
}

/* Without a mark around it, JSON may as well be an answer: its first key tells. */
static bool key_of_call(const HthTalk *t, HthStr key) {
    static const char *const usual[] = {
        "name", "arguments", "parameters", "function", "type", "id"
    };
    bool is = hth_str_eq(key, t->key_name) || hth_str_eq(key, t->key_args) || t->keyed;
    for (size_t i = 0; i < HTH_COUNT(usual); i++) is = is || hth_str_eq(key, hth_str(usual[i]));
    return is || t->find_section.n || t->find_item.n;
}

/* One member, whose key is between quotes at `at`; *next: what follows it. */
static HthFit wrap_member(const HthReply *r, HthStr s, size_t at, Wrap *w, size_t *next) {
    const size_t key_end = past_string(s, at);
    if (!key_end) return HTH_FIT_MORE;
    const HthStr key = hth_str_sub(s, at + 1, key_end - at - 2);
    if (!key_of_call(r->t, key)) return HTH_FIT_NO; /* *next is 0 */
    at = blanks(s, key_end);
    if (at == s.n) return HTH_FIT_MORE;
    if (s.p[at] != ':') return HTH_FIT_NO;
    at = blanks(s, at + 1);
    if (at == s.n) return HTH_FIT_MORE;
    const json_t *tool = r->t->keyed ? hth_tool_find(r->cfg.tools, key) : NULL;
    const bool object = s.p[at] == '{';
    if (tool && object && !w->tool) {
        w->tool = tool;
        w->name = tool_name(tool);
        w->named = true;
    }
    if (object && !w->args && (tool || is_key(key, r->t->key_args, "arguments", "parameters"))) {
        w->args = at;
        w->args_depth = w->depth;
        if (w->tool) return HTH_FIT_YES;
    } else if (object && w->depth == 1 && hth_str_eq(key, HTH_STR("function"))) {
        w->depth = 2;
        *next = at + 1;
        return HTH_FIT_NO;
    }
    const size_t end = past_value(s, at);
    if (!end) return HTH_FIT_MORE;
    *next = end;
    if (s.p[at] != '"' || w->tool || !is_key(key, r->t->key_name, "name", "name"))
        return HTH_FIT_NO;
    w->name = hth_str_sub(s, at + 1, end - at - 2);
    w->named = true;
    w->tool = hth_tool_find(r->cfg.tools, w->name);
    if (!w->tool) *next = 0;
    return w->tool && w->args ? HTH_FIT_YES : HTH_FIT_NO;
}

/* An item: braces, and in them a known name and arguments that begin. */
static HthFit wrap_head(const HthReply *r, HthStr s, size_t at, HthHead *out) {
    Wrap w = { .depth = 1 };
    if (at == s.n) return HTH_FIT_MORE;
    if (s.p[at] != '{') return HTH_FIT_NO;
    at++;
    for (;;) {
        at = blanks(s, at);
        if (at == s.n) return HTH_FIT_MORE;
        if (s.p[at] == ',') {
            at++;
            continue;
        }
        if (s.p[at] != '"') return HTH_FIT_NO; /* its end, or no JSON */
        size_t next = 0;
        const HthFit fit = wrap_member(r, s, at, &w, &next);
        if (fit == HTH_FIT_YES) break;
        if (fit == HTH_FIT_MORE || !next) return fit;
        at = next;
    }
    out->tool = w.tool;
    out->name = tool_name(w.tool);
    out->used = w.args;
    out->depth = w.args_depth;
    return HTH_FIT_YES;
}

/* --- the shapes --- */

/* After the name: the mark before the arguments, as the template writes it or just its end. */
static HthFit mid_fit(const HthReply *r, HthStr s, size_t *used) {
    enum { LOOSE_MAX = 160 };
    const HthStr mid = hth_str_trim(r->t->mid);
    const HthFit exact = hth_lit_fit(mid, HTH_STR(""), s, used);
    if (exact != HTH_FIT_NO || !mid.n) return exact;
    const size_t n = hth_unit_back(mid);
    if (n < 3) return HTH_FIT_NO;
    const HthStr last = hth_str_sub(mid, mid.n - n, n);
    const size_t at = hth_str_find(hth_str_sub(s, 0, LOOSE_MAX), last);
    if (at == SIZE_MAX) return s.n < LOOSE_MAX ? HTH_FIT_MORE : HTH_FIT_NO;
    if (memchr(s.p, '{', at)) return HTH_FIT_NO;
    *used = at + n;
    return HTH_FIT_YES;
}

static HthFit tagged_next(const HthReply *r, HthStr s) {
    size_t used;
    const HthFit open = hth_lit_fit(hth_str_trim(r->t->param_open), HTH_STR(""), s, &used);
    const HthFit close = hth_lit_fit(r->t->find_item_close, HTH_STR(""), s, &used);
    return open > close ? open : close;
}

/* From the name on. */
static HthFit named_head(const HthReply *r, HthStr s, size_t at, HthHead *out) {
    static const char opens[] = {
        [HTH_TALK_NAMED] = '{', [HTH_TALK_PYTHON] = '(', [HTH_TALK_BARE] = '{'
    };
    const HthStr space = HTH_STR("functions.");
    if (hth_str_starts(space, from(s, at)) || at == s.n) return HTH_FIT_MORE;
    if (hth_str_starts(from(s, at), space)) at += space.n;
    const HthFit fit = hth_reply_tool(r, s, at, out);
    if (fit != HTH_FIT_YES) return fit;
    at = blanks(s, out->used);
    size_t used = 0;
    if (r->t->shape == HTH_TALK_NAMED || r->t->shape == HTH_TALK_TAGGED) {
        const HthFit mid = mid_fit(r, from(s, at), &used);
        if (mid != HTH_FIT_YES) return mid;
    }
    at = blanks(s, at + used);
    if (at == s.n) return HTH_FIT_MORE;
    out->used = at;
    if (r->t->shape == HTH_TALK_TAGGED) return tagged_next(r, from(s, at));
    return s.p[at] == opens[r->t->shape] ? HTH_FIT_YES : HTH_FIT_NO;
}

static HthFit core(const HthReply *r, HthStr s, size_t at, HthHead *out) {
    at = blanks(s, at);
    if (r->t->shape != HTH_TALK_WRAPPED) return named_head(r, s, at, out);
    if (at == s.n) return HTH_FIT_MORE;
    if (s.p[at] == '[' && (r->t->list || !r->t->find_item.n)) {
        out->list = true;
        at = blanks(s, at + 1);
    }
    return wrap_head(r, s, at, out);
}

static HthFit marked(const HthReply *r, HthStr s, HthStr mark, size_t at, HthHead *out) {
    size_t used = 0;
    if (!mark.n) return core(r, s, at, out);
    const HthFit fit = hth_lit_fit(mark, HTH_STR(""), from(s, at), &used);
    return fit == HTH_FIT_YES ? core(r, s, at + used, out) : fit;
}

HthFit hth_reply_list_head(const HthReply *r, HthStr text, HthHead *out) {
    *out = (HthHead){ .list = true };
    if (r->begun >= HTH_REPLY_CALLS_MAX) return HTH_FIT_NO;
    const HthFit fit = wrap_head(r, text, 0, out);
    return fit == HTH_FIT_MORE && text.n > HTH_REPLY_HEAD_MAX ? HTH_FIT_NO : fit;
}

HthFit hth_reply_head(const HthReply *r, HthStr text, bool in, HthHead *out) {
    const HthTalk *t = r->t;
    *out = (HthHead){ 0 };
    if (!r->cfg.tools || t->shape == HTH_TALK_NOTHING || r->begun >= HTH_REPLY_CALLS_MAX)
        return HTH_FIT_NO;
    if (t->headers && t->shape == HTH_TALK_NAMED) return HTH_FIT_NO; /* the header says it */
    const HthStr s = hth_str_sub(text, 0, HTH_REPLY_HEAD_MAX);
    const bool bare = !t->find_section.n && !t->find_item.n;
    if (bare && !in && !r->fresh) return HTH_FIT_NO;
    HthFit fit = HTH_FIT_NO;
    size_t used = 0;
    if (t->find_section.n) {
        fit = hth_lit_fit(t->find_section, HTH_STR(""), s, &used);
        if (fit == HTH_FIT_YES) fit = marked(r, s, t->find_item, blanks(s, used), out);
    }
    if (fit != HTH_FIT_YES && (t->find_item.n || bare || in)) {
        HthHead other = { 0 };
        const HthFit item = marked(r, s, t->find_item, 0, &other);
        if (item == HTH_FIT_YES) *out = other;
        if (item > fit) fit = item;
    }
    return fit == HTH_FIT_MORE && text.n >= HTH_REPLY_HEAD_MAX ? HTH_FIT_NO : fit;
}
