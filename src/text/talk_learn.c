/* talk_learn.c - from a rendered conversation with made-up calls to the marks around calls.
 *
 * The names, keys and values of the calls are words that no template holds, so whatever stands
 * between them is the template's.  What separates two calls tells the marks of one call from those
 * of all of them.
 *
 * Thread: a talk being opened has one owner. */
#include <string.h>

#include "text/reply_int.h"

typedef struct Call { /* of a rendered call: offsets into the answer */
    size_t name, name_end; /* the name */
    size_t args, args_end; /* its arguments */
    size_t from, to; /* all of it that is not marks */
} Call;

HthStr hth_probe_after(const HthBuf *rendered) {
    const HthStr s = hth_buf_str(rendered), q = HTH_STR(HTH_PROBE_QUESTION);
    size_t at = SIZE_MAX; /* some templates show it twice */
    for (size_t from = 0, found;
         (found = hth_str_find(hth_str_sub(s, from, s.n), q)) != SIZE_MAX;) {
        at = from + found + q.n;
        from = at;
    }
    return at == SIZE_MAX ? (HthStr){ s.p, 0 } : hth_str_sub(s, at, s.n);
}

static size_t find_from(HthStr s, size_t from, const char *what) {
    const size_t at = hth_str_find(hth_str_sub(s, from, s.n), hth_str(what));
    return at == SIZE_MAX ? at : from + at;
}

static HthStr between(HthStr s, size_t from, size_t to) {
    return hth_str_sub(s, from, to - from);
}

/* The last name before `to`, not before `from`. */
static size_t last_name(HthStr s, size_t from, size_t to, const char *name) {
    size_t at = SIZE_MAX;
    for (size_t f = from, found; (found = find_from(s, f, name)) != SIZE_MAX && found < to;) {
        at = found;
        f = found + 1;
    }
    return at;
}

/* The JSON value that begins at `at`, and where it ends. */
static json_t *json_at(HthStr s, size_t at, size_t *end) {
    size_t n;
    json_t *v = hth_json_first(hth_str_sub(s, at, SIZE_MAX), &n);
    if (v) *end = at + n;
    return v;
}

static bool is_arguments(const json_t *v) {
    if (json_object_size(v) != HTH_COUNT(hth_probe_key)) return false;
    for (size_t i = 0; i < HTH_COUNT(hth_probe_key); i++)
        if (!json_object_get(v, hth_probe_key[i])) return false;
    return true;
}

static bool find_json(HthStr s, size_t from, Call *c) {
    for (size_t at = from; at < s.n; at++) {
        if (s.p[at] != '{') continue;
        json_t *v = json_at(s, at, &c->args_end);
        const bool is = v && is_arguments(v);
        json_decref(v);
        c->args = at;
        if (is) return true;
    }
    return false;
}

/* The outermost JSON value around the arguments. */
static json_t *find_wrapper(HthStr s, size_t from, Call *c) {
    for (size_t at = from; at < c->args; at++) {
        if (s.p[at] != '{' && s.p[at] != '[') continue;
        json_t *v = json_at(s, at, &c->to);
        c->from = at;
        if (v && c->to > c->args_end) return v;
        json_decref(v);
    }
    return NULL;
}

/* --- JSON with the name inside --- */

static HthStatus wild(HthTalk *t, HthStr s, bool digits, HthStr *out, HthErr *err) {
    HthBuf buf;
    hth_buf_init(&buf, 1 << 16);
    HthStatus st = HTH_OK;
    for (size_t i = 0; st == HTH_OK && i < s.n;) {
        size_t n = hth_str_starts(hth_str_sub(s, i, s.n), HTH_STR(HTH_PROBE_ID))
                       ? sizeof HTH_PROBE_ID - 1
                       : 0;
        while (!n && digits && i + n < s.n && s.p[i + n] >= '0' && s.p[i + n] <= '9') n++;
        st = hth_buf_add_char(&buf, n ? HTH_LIT_WILD : s.p[i], err);
        i += n ? n : 1;
    }
    if (st == HTH_OK) st = hth_talk_keep(t, hth_buf_str(&buf), out, err);
    hth_buf_drop(&buf);
    return st;
}

static bool wrapper_keys(HthTalk *t, json_t *item, HthStr *name, HthStr *args) {
    const char *key;
    json_t *v;
    json_object_foreach(item, key, v) {
        const bool is = json_is_object(v) && is_arguments(v);
        if (is && strcmp(key, hth_probe_name[0]) == 0) t->keyed = true;
        if (is) *args = hth_str(key);
        if (json_is_string(v) && strcmp(json_string_value(v), hth_probe_name[0]) == 0)
            *name = hth_str(key);
    }
    return args->n && (t->keyed || name->n);
}

/* Where the object around `at` begins, and where it ends. */
static bool item_around(HthStr s, size_t from, size_t at, size_t args_end, size_t *a, size_t *b) {
    for (*a = from; *a < at; ++*a) {
        if (s.p[*a] != '{') continue;
        json_t *v = json_at(s, *a, b);
        json_decref(v);
        if (v && *b > args_end) return true;
    }
    return false;
}

/* Of a list: what stands before, between and after its items. */
static HthStatus learn_list(HthTalk *t, HthStr s, const Call *c, size_t a, size_t b, HthErr *err) {
    Call next = { 0 };
    size_t a2 = 0, b2 = 0;
    HTH_TRY(hth_talk_keep(t, between(s, c->from, a), &t->list_open, err));
    t->parallel = find_json(hth_str_sub(s, 0, c->to), c->args_end, &next) &&
                  item_around(s, b, next.args, next.args_end, &a2, &b2);
    if (t->parallel) HTH_TRY(hth_talk_keep(t, between(s, b, a2), &t->list_next, err));
    return hth_talk_keep(t, between(s, t->parallel ? b2 : b, c->to), &t->list_close, err);
}

static HthStatus learn_wrapped(HthTalk *t, HthStr s, Call *c, json_t *v, HthErr *err) {
    HthStr name = { 0 }, args = { 0 };
    size_t a, b;
    t->list = json_is_array(v);
    json_t *item = t->list ? json_array_get(v, 0) : v;
    if (!wrapper_keys(t, item, &name, &args)) return HTH_OK;
    if (!item_around(s, c->from, c->args, c->args_end, &a, &b)) return HTH_OK;
    c->name = find_from(s, a, hth_probe_name[0]);
    if (c->name == SIZE_MAX || c->name > c->args) return HTH_OK; /* no template writes it last */
    c->name_end = c->name + strlen(hth_probe_name[0]);
    HTH_TRY(hth_talk_keep(t, name, &t->key_name, err));
    HTH_TRY(hth_talk_keep(t, args, &t->key_args, err));
    HTH_TRY(wild(t, between(s, a, c->name), true, &t->item_text[0], err));
    HTH_TRY(hth_talk_keep(t, between(s, c->name_end, c->args), &t->item_text[1], err));
    HTH_TRY(wild(t, between(s, c->args_end, b), true, &t->item_text[2], err));
    if (t->list) HTH_TRY(learn_list(t, s, c, a, b, err));
    t->shape = HTH_TALK_WRAPPED;
    return HTH_OK;
}

/* --- parameters one by one --- */

typedef struct Params {
    size_t key[4], value[4], end[4]; /* end: of the value */
} Params;

static bool find_params(HthStr s, size_t from, Params *p) {
    for (size_t i = 0; i < HTH_COUNT(hth_probe_key); i++) {
        p->key[i] = find_from(s, from, hth_probe_key[i]);
        if (p->key[i] == SIZE_MAX) return false;
        from = p->key[i] + strlen(hth_probe_key[i]);
        p->value[i] = find_from(s, from, hth_probe_value[i]);
        if (p->value[i] == SIZE_MAX) return false;
        from = p->end[i] = p->value[i] + strlen(hth_probe_value[i]);
    }
    return true;
}

/* The mark that closes a value: as between the first two, with the key where it is repeated. */
static HthStatus closing(HthTalk *t, HthStr s, HthStr *out, HthErr *err) {
    HthBuf buf;
    hth_buf_init(&buf, 1 << 16);
    const HthStr key = hth_str(hth_probe_key[0]);
    const size_t at = hth_str_find(s, key);
    HthStatus st = hth_buf_add_str(&buf, hth_str_sub(s, 0, at == SIZE_MAX ? s.n : at), err);
    if (st == HTH_OK && at != SIZE_MAX) st = hth_buf_add_char(&buf, HTH_LIT_KEY, err);
    if (st == HTH_OK && at != SIZE_MAX)
        st = hth_buf_add_str(&buf, hth_str_sub(s, at + key.n, s.n), err);
    if (st == HTH_OK) st = hth_talk_keep(t, hth_buf_str(&buf), out, err);
    hth_buf_drop(&buf);
    return st;
}

static HthStatus learn_tagged(HthTalk *t, HthStr s, Call *c, const Params *p, HthErr *err) {
    const HthStr head = between(s, c->name_end, p->key[0]);
    const HthStr gap = between(s, p->end[0], p->key[1]);
    const size_t open = hth_unit_common(head, gap, true);
    const HthStr own[] = { hth_str_sub(gap, gap.n - open, open), hth_str_sub(gap, 0, gap.n - open),
                           between(s, p->key[0] + strlen(hth_probe_key[0]), p->value[0]),
                           between(s, p->key[2] + strlen(hth_probe_key[2]), p->value[2]) };
    for (size_t i = 0; i < HTH_COUNT(own); i++)
        if (!hth_str_trim(own[i]).n) return HTH_OK; /* nothing tells a key, a value or its end */
    HTH_TRY(wild(t, hth_str_sub(head, 0, head.n - open), true, &t->mid, err));
    HTH_TRY(hth_talk_keep(t, own[0], &t->param_open, err));
    HTH_TRY(closing(t, own[1], &t->param_close, err));
    HTH_TRY(hth_talk_keep(t, own[2], &t->param_mid, err));
    HTH_TRY(hth_talk_keep(t, own[3], &t->param_mid_other, err));
    /* An array's value ends with whatever it is written with: find the mark behind it. */
    const HthStr close = hth_str_trim(t->param_close);
    for (size_t at = p->end[3], used; at < s.n; at++) {
        const HthStr rest = hth_str_sub(s, at, s.n);
        if (hth_lit_fit(close, hth_str(hth_probe_key[3]), rest, &used) != HTH_FIT_YES) continue;
        c->to = at + used;
        t->shape = HTH_TALK_TAGGED;
        break;
    }
    if (t->shape != HTH_TALK_TAGGED) return HTH_OK;
    const HthStr array = between(s, p->key[3], c->to);
    t->nested = hth_str_find(array, HTH_STR("[\"")) == SIZE_MAX &&
                hth_str_find(array, HTH_STR("['")) == SIZE_MAX;
    return HTH_OK;
}

static bool ends_with(HthStr s, size_t from, char c, size_t *to) {
    const char *at = memchr(s.p + from, c, s.n - from);
    if (at) *to = (size_t)(at - s.p) + 1;
    return at != NULL;
}

static HthStatus learn_params(HthTalk *t, HthStr s, size_t from, const char *name, Call *c,
                              HthErr *err) {
    Params p;
    if (!find_params(s, from, &p)) return HTH_OK;
    c->name = last_name(s, from, p.key[0], name);
    if (c->name == SIZE_MAX) return HTH_OK;
    c->name_end = c->name + strlen(name);
    c->from = c->name;
    const HthStr head = between(s, c->name_end, p.key[0]);
    const HthStr mid = between(s, p.key[0] + strlen(hth_probe_key[0]), p.value[0]);
    if (hth_str_eq(head, HTH_STR("(")) && mid.n == 2 && mid.p[0] == '=') {
        if (ends_with(s, p.end[3], ')', &c->to)) t->shape = HTH_TALK_PYTHON;
        return HTH_OK;
    }
    if (hth_str_eq(head, HTH_STR("{")) && mid.n > 1 && mid.p[0] == ':') {
        if (!ends_with(s, p.end[3], '}', &c->to)) return HTH_OK;
        t->shape = HTH_TALK_BARE;
        const HthStr quote = hth_str_trim(hth_str_sub(mid, 1, mid.n));
        return hth_talk_keep(t, quote.n > 1 ? quote : HTH_STR(""), &t->quote,
                             err); /* else JSON's */
    }
    return learn_tagged(t, s, c, &p, err);
}

/* --- all of them --- */

/* Finds the call `which` at or after `from`; the shape is learned from the first. */
static HthStatus learn_one(HthTalk *t, HthStr s, size_t from, uint32_t which, Call *c,
                           HthErr *err) {
    if (!find_json(s, from, c)) return learn_params(t, s, from, hth_probe_name[which], c, err);
    t->pretty = memchr(s.p + c->args, '\n', c->args_end - c->args) != NULL;
    json_t *v = find_wrapper(s, from, c);
    if (v) {
        HthStatus st = HTH_OK;
        if (which == 0) st = learn_wrapped(t, s, c, v, err);
        json_decref(v);
        return st;
    }
    c->name = last_name(s, from, c->args, hth_probe_name[which]);
    if (c->name == SIZE_MAX) return HTH_OK;
    c->name_end = c->name + strlen(hth_probe_name[which]);
    c->from = c->name;
    c->to = c->args_end;
    t->shape = HTH_TALK_NAMED;
    if (which == 0) return wild(t, between(s, c->name_end, c->args), true, &t->mid, err);
    return HTH_OK;
}

/* How much of `tail` closes what `open` opened: up to the mark with the last word of `open`, or
 * one mark, for the rest belongs to the turn. */
static size_t closing_mark(HthStr open, HthStr tail) {
    size_t end = open.n, first = 0;
    while (end && !hth_is_letter(open.p[end - 1])) end--;
    size_t word = end;
    while (word && hth_is_letter(open.p[word - 1])) word--;
    const HthStr last = between(open, word, end);
    for (size_t n = 0, marks = 0; n < tail.n && marks < 3;) {
        const size_t unit = hth_unit_len(hth_str_sub(tail, n, tail.n));
        n += unit;
        if (last.n > 2 && hth_str_find(hth_str_sub(tail, 0, n), last) != SIZE_MAX) return n;
        if (unit < 3 || hth_is_blank(tail.p[n - 1])) continue;
        marks++;
        if (!first) first = n;
    }
    return first ? first : tail.n;
}

/* The marks before the first call, between the two and after the last. */
static HthStatus learn_marks(HthTalk *t, HthStr open, HthStr gap, HthStr tail, bool two,
                             HthErr *err) {
    size_t item = two ? hth_unit_common(open, gap, true) : open.n;
    if (two && !item && open.n && !t->list) { /* perhaps they are counted */
        HTH_TRY(wild(t, open, true, &open, err));
        HTH_TRY(wild(t, gap, true, &gap, err));
        item = hth_unit_common(open, gap, true);
    }
    size_t close = two ? gap.n - item : 0;
    if (t->list) item = 0;
    HTH_TRY(wild(t, hth_str_sub(open, 0, open.n - item), false, &t->section_open, err));
    HTH_TRY(wild(t, hth_str_sub(open, open.n - item, item), false, &t->item_open, err));
    HTH_TRY(hth_talk_keep(t, hth_str_sub(gap, 0, close), &t->item_close, err));
    const HthStr done = hth_str_trim(t->item_close);
    size_t used = 0;
    t->separates = two && (!done.n || hth_lit_fit(done, HTH_STR(""), hth_str_trim(tail), &used) !=
                                          HTH_FIT_YES);
    if (used) tail = hth_str_sub(hth_str_trim(tail), used, tail.n);
    const size_t n = closing_mark(hth_str_trim(hth_str_sub(open, 0, open.n - item)), tail);
    if (!two && !t->list) return hth_talk_keep(t, hth_str_sub(tail, 0, n), &t->item_close, err);
    return hth_talk_keep(t, hth_str_sub(tail, 0, n), &t->section_close, err);
}

HthStatus hth_talk_learn_calls(HthTalk *t, const HthTalkProbe *p, HthErr *err) {
    const HthStr calls = hth_probe_after(&p->calls), words = hth_probe_after(&p->words);
    const HthStr prompt = hth_probe_after(&p->prompt);
    const size_t said = hth_str_find(words, HTH_STR(HTH_PROBE_WORDS));
    const HthStr after = said == SIZE_MAX
                             ? HTH_STR("")
                             : hth_str_sub(words, said + sizeof HTH_PROBE_WORDS - 1, words.n);
    size_t start = hth_unit_common(calls, said == SIZE_MAX ? prompt : words, false);
    Call c[2] = { 0 };
    if (!calls.n) return HTH_OK;
    HTH_TRY(learn_one(t, calls, start, 0, &c[0], err));
    if (t->shape == HTH_TALK_NOTHING) return HTH_OK;
    HthTalk other = *t; /* the second must be written as the first */
    bool two = false;
    if (p->two && !t->list) {
        HTH_TRY(learn_one(&other, calls, c[0].to, 1, &c[1], err));
        two = c[1].to > c[0].to && c[1].from > c[0].to;
    }
    if (!t->list) t->parallel = two;
    const size_t end = c[two].to;
    const HthStr gap = two ? between(calls, c[0].to, c[1].from) : HTH_STR("");
    if (two && gap.n && start == c[0].from && hth_str_ends(hth_str_sub(calls, 0, start), gap))
        start -= gap.n; /* what opens a call stands in the prompt already */
    HthStr open = between(calls, start, c[0].from);
    const size_t lead = hth_unit_common(open, after, false);
    HTH_TRY(hth_talk_keep(t, hth_str_sub(open, 0, lead), &t->lead, err));
    open = hth_str_sub(open, lead, open.n);
    HthStr tail = hth_str_sub(calls, end, calls.n);
    tail.n -= hth_unit_common(tail, after, true);
    return learn_marks(t, open, gap, tail, two, err);
}
