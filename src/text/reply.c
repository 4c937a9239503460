/* reply.c - a reply walked as it comes: words, reasoning and calls told apart.
 *
 * A state machine over the text that is not yet decided.  Every decision depends on the text alone
 * and not on how it was cut into pieces; what may still become a mark is held back, and no more.
 * How a call begins is reply_head.c's, arguments are reply_value.c's and reply_param.c's.
 *
 * Arguments that break off or turn out to be no JSON end their call with what was valid, closed;
 * what follows is text.
 *
 * Thread: a reply has one owner. */
#include <string.h>

#include "base/mem.h"
#include "text/reply_int.h"

enum { TEXT_MAX = 64 << 20, BLANKS_MAX = 256 };

/* --- parts --- */

HthStatus hth_reply_flush(HthReply *r, HthErr *err) {
    (void)err;
    if (!r->out.n) return HTH_OK;
    const HthPart part = { r->out_kind, r->begun ? r->begun - 1 : 0, hth_buf_str(&r->out) };
    r->cfg.part(r->cfg.payload, &part);
    hth_buf_clear(&r->out);
    return HTH_OK;
}

HthStatus hth_reply_out(HthReply *r, HthPartKind kind, HthStr text, HthErr *err) {
    if (kind != r->out_kind) HTH_TRY(hth_reply_flush(r, err));
    r->out_kind = kind;
    return hth_buf_add_str(&r->out, text, err);
}

/* Parts that are not made of pieces. */
static HthStatus out_whole(HthReply *r, HthPartKind kind, HthStr text, HthErr *err) {
    HTH_TRY(hth_reply_flush(r, err));
    const HthPart part = { kind, r->begun - 1, text };
    r->cfg.part(r->cfg.payload, &part);
    return HTH_OK;
}

/* Words or reasoning that are certain. */
static HthStatus out_words(HthReply *r, HthStr s, HthErr *err) {
    const bool thought = r->state == HTH_R_THINK && !r->cfg.keep_thinking;
    if (!s.n) return HTH_OK;
    r->skip = false;
    if (r->state == HTH_R_TEXT) r->fresh = false;
    return hth_reply_out(r, thought ? HTH_PART_THINKING : HTH_PART_TEXT, s, err);
}

static void to_text(HthReply *r) {
    r->state = HTH_R_TEXT;
    r->fresh = r->skip = true;
}

static HthStatus begin_call(HthReply *r, const HthHead *h, HthErr *err) {
    const HthTalkShape shape = r->t->shape;
    r->begun++;
    r->tool = h->tool;
    r->list = h->list;
    r->depth = h->depth;
    r->in_string = r->in_escape = r->any_param = false;
    HTH_TRY(out_whole(r, HTH_PART_CALL, h->name, err));
    HTH_TRY(hth_reply_out(r, HTH_PART_ARGS, HTH_STR(""), err));
    if (shape == HTH_TALK_TAGGED) {
        r->state = HTH_R_PARAM;
        return hth_buf_add_char(&r->out, '{', err);
    }
    hth_value_begin(&r->value,
                    shape == HTH_TALK_PYTHON ? HTH_VALUE_PYTHON
                    : shape == HTH_TALK_BARE ? HTH_VALUE_BARE
                                             : HTH_VALUE_JSON,
                    r->t->quote, &r->out);
    r->state = HTH_R_ARGS;
    return HTH_OK;
}

HthStatus hth_reply_call_end(HthReply *r, bool whole, HthErr *err) {
    HTH_TRY(hth_reply_out(r, HTH_PART_ARGS, HTH_STR(""), err));
    if (r->t->shape == HTH_TALK_TAGGED && r->state >= HTH_R_PARAM)
        HTH_TRY(hth_reply_param_close(r, err));
    HTH_TRY(out_whole(r, HTH_PART_CALL_END, HTH_STR(""), err));
    if (whole) r->calls++;
    r->tool = NULL;
    r->state = HTH_R_TAIL;
    if (!whole) to_text(r);
    r->fresh = r->skip = true;
    return HTH_OK;
}

/* --- marks within words --- */

typedef enum MarkKind {
    M_NONE,
    M_CALL,
    M_THINK,
    M_THINK_END,
    M_HEADER,
    M_DROP,
    M_DROP_BLANKS
} MarkKind;
typedef struct Mark {
    MarkKind kind; /* the longest that stands here */
    bool more; /* a longer one may */
    size_t used;
    HthHead head;
    HthStr recipient, channel; /* HEADER */
} Mark;

/* clang-format off */
static const char *const ENDS[] = { "<|end|>", "<|eom|>", "<|eot|>", "<|return|>", "<|call|>" };
/* clang-format on */

static void consider(Mark *m, MarkKind kind, HthStr lit, HthStr s) {
    size_t used = 0;
    const HthFit fit = lit.n ? hth_lit_fit(lit, HTH_STR(""), s, &used) : HTH_FIT_NO;
    if (fit == HTH_FIT_MORE) m->more = true;
    if (fit != HTH_FIT_YES || used <= m->used) return;
    m->kind = kind;
    m->used = used;
}

/* A call, or the beginning of one, is all that can stand here. */
static bool consider_call(const HthReply *r, Mark *m, HthStr s) {
    HthHead head;
    const HthFit fit = hth_reply_head(r, s, false, &head);
    if (fit == HTH_FIT_MORE) m->more = true;
    if (fit == HTH_FIT_YES) *m = (Mark){ .kind = M_CALL, .used = head.used, .head = head };
    return fit == HTH_FIT_YES;
}

static HthStr word_after(HthStr s, const char *what) {
    const size_t at = hth_str_find(s, hth_str(what));
    if (at == SIZE_MAX) return HTH_STR("");
    const HthStr rest = hth_str_sub(s, at + strlen(what), s.n);
    size_t n = 0;
    while (n < rest.n && !hth_is_blank(rest.p[n]) && rest.p[n] != '<') n++;
    return hth_str_sub(rest, 0, n);
}

/* "<|start|>assistant<|channel|>analysis<|message|>", and for a call what follows it. */
static void consider_header(const HthReply *r, Mark *m, HthStr s) {
    const HthStr marks[] = { HTH_STR("<|start|>"), HTH_STR("<|channel|>") };
    const HthStr end = HTH_STR("<|message|>");
    Mark own = { 0 };
    for (size_t i = 0; i < HTH_COUNT(marks); i++) consider(&own, M_HEADER, marks[i], s);
    const size_t at = hth_str_find(hth_str_sub(s, 0, HTH_REPLY_HEADER_MAX), end);
    if (own.kind && at == SIZE_MAX) {
        own.more = s.n < HTH_REPLY_HEADER_MAX;
        own.kind = M_DROP; /* no header: the mark alone goes */
    } else if (own.kind) {
        const HthStr header = hth_str_sub(s, 0, at);
        own.used = at + end.n;
        own.recipient = word_after(header, "to=");
        own.channel = word_after(header, "<|channel|>");
        HthStr name = own.recipient;
        const HthStr space = HTH_STR("functions.");
        if (hth_str_starts(name, space)) name = hth_str_sub(name, space.n, name.n);
        own.head.tool = r->t->shape == HTH_TALK_NAMED ? hth_tool_find(r->cfg.tools, name) : NULL;
        if (own.head.tool && r->begun < HTH_REPLY_CALLS_MAX) {
            own.head.name = name;
            while (own.used < s.n && hth_is_blank(s.p[own.used])) own.used++;
            own.more = own.used == s.n;
            if (own.used < s.n && s.p[own.used] == '{') own.kind = M_CALL;
        }
    }
    own.more |= m->more;
    if (own.kind || own.more) *m = own;
}

static void consider_control(const HthReply *r, Mark *m, HthStr s) {
    uint32_t node = HTH_TRIE_ROOT;
    for (size_t i = 0; i <= s.n; i++) {
        if (i > m->used && hth_trie_value(r->t->control, node) != HTH_TRIE_NONE &&
            !hth_like_words(hth_str_sub(s, 0, i)))
            *m = (Mark){ .kind = M_DROP, .more = m->more, .used = i };
        if (i == s.n) break;
        node = hth_trie_step(r->t->control, node, s.p[i]);
        if (node == HTH_TRIE_NONE) return;
    }
    m->more = true; /* the text ends within the trie */
}

/* What stands at the beginning of s: words' side. */
static Mark mark_in_text(const HthReply *r, HthStr s) {
    const HthTalk *t = r->t;
    Mark m = { 0 };
    if (consider_call(r, &m, s)) return m;
    if (t->headers) {
        consider_header(r, &m, s);
        if (m.kind) return m;
        for (size_t i = 0; i < HTH_COUNT(ENDS); i++)
            consider(&m, M_DROP_BLANKS, hth_str(ENDS[i]), s);
    }
    if (!hth_think_is_tag(t) || r->fresh) consider(&m, M_THINK, t->think_open, s);
    if (r->fresh && !r->cfg.keep_thinking) consider(&m, M_DROP_BLANKS, t->think_close, s);
    for (uint32_t i = 0; i < t->noise_count; i++) consider(&m, M_DROP_BLANKS, t->noise[i], s);
    consider_control(r, &m, s);
    return m;
}

/* Reasoning's side: what closes it, or a call that a token opens. */
static Mark mark_in_thought(const HthReply *r, HthStr s) {
    const HthTalk *t = r->t;
    Mark m = { 0 };
    consider(&m, M_THINK_END, t->think_close, s);
    for (size_t i = 0; t->headers && i < HTH_COUNT(ENDS); i++)
        consider(&m, M_THINK_END, hth_str(ENDS[i]), s);
    if (m.kind) return m;
    if (t->headers) consider_header(r, &m, s);
    consider_control(r, &m, s);
    const HthStr open = t->find_section.n ? t->find_section : t->find_item;
    const bool token =
        open.n > 2 && ((*open.p == '<' && open.p[1] != '/' && !hth_is_letter(open.p[1])) ||
                       (*open.p == '[' && open.p[1] >= 'A' && open.p[1] <= 'Z'));
    if (token && !t->headers) (void)consider_call(r, &m, s);
    return m;
}

/* --- steps --- */

static HthStatus wait(bool *moved) {
    *moved = false;
    return HTH_OK;
}

static HthStatus take(HthReply *r, const Mark *m, HthStr raw, HthErr *err) {
    r->at += m->used;
    switch (m->kind) {
    case M_CALL: return begin_call(r, &m->head, err);
    case M_THINK:
        if (r->cfg.keep_thinking) HTH_TRY(out_words(r, raw, err));
        r->state = HTH_R_THINK;
        r->skip = !r->cfg.keep_thinking;
        return HTH_OK;
    case M_THINK_END:
        if (r->cfg.keep_thinking && !r->t->headers) HTH_TRY(out_words(r, raw, err));
        to_text(r);
        r->skip = !r->cfg.keep_thinking;
        return HTH_OK;
    case M_HEADER: {
        const bool functions = hth_str_starts(m->recipient, HTH_STR("functions."));
        if (r->t->shape == HTH_TALK_NAMED && functions) { /* to a tool that nobody offered */
            r->state = HTH_R_TEXT;
            return out_words(r, raw, err);
        }
        to_text(r);
        if (hth_str_eq(m->channel, HTH_STR("analysis")) ||
            hth_str_eq(m->recipient, HTH_STR("self")))
            r->state = HTH_R_THINK;
        return HTH_OK;
    }
    case M_DROP_BLANKS: r->skip = true; return HTH_OK;
    case M_DROP:
    case M_NONE: break;
    }
    return HTH_OK;
}

/* Does a mark of this state take the blanks before it? */
static bool takes_blanks(const HthReply *r, MarkKind kind) {
    if (r->cfg.keep_thinking && (kind == M_THINK || kind == M_THINK_END)) return false;
    return kind != M_DROP;
}

static size_t char_len(HthStr s) {
    uint32_t cp;
    const size_t n = hth_utf8_decode(s, &cp);
    return n ? n : 1;
}

static HthStatus step_words(HthReply *r, bool *moved, HthErr *err) {
    const HthStr s = hth_reply_rest(r);
    size_t n = 0, solid = 0; /* solid: after the last byte that is no blank */
    if (r->skip) {
        while (n < s.n && hth_is_blank(s.p[n])) n++;
        r->at += n;
        if (n) return HTH_OK;
    }
    while (n < s.n) {
        if (!r->first[(uint8_t)s.p[n]]) {
            n++;
            if (!hth_is_blank(s.p[n - 1]))
                r->flood = false;
            else if (n - solid > BLANKS_MAX)
                r->flood = true; /* no template writes so many */
            if (r->flood || !hth_is_blank(s.p[n - 1])) solid = n;
            continue;
        }
        if (solid && r->state == HTH_R_TEXT) r->fresh = false;
        const HthStr here = hth_str_sub(s, n, s.n);
        Mark m = r->state == HTH_R_TEXT ? mark_in_text(r, here) : mark_in_thought(r, here);
        if (m.more && !r->ended) break;
        if (m.kind) {
            if (!takes_blanks(r, m.kind)) solid = n;
            HTH_TRY(out_words(r, hth_str_sub(s, 0, solid), err));
            r->at += n;
            return take(r, &m, hth_str_sub(here, 0, m.used), err);
        }
        n += char_len(here);
        solid = n;
        r->flood = false;
    }
    if (r->ended) solid = n;
    *moved = solid > 0;
    HTH_TRY(out_words(r, hth_str_sub(s, 0, solid), err));
    r->at += solid;
    return HTH_OK;
}

static HthStatus step_args(HthReply *r, bool *moved, HthErr *err) {
    const HthStr s = hth_reply_rest(r);
    size_t used = 0;
    HTH_TRY(hth_reply_out(r, HTH_PART_ARGS, HTH_STR(""), err));
    HTH_TRY(hth_value_put(&r->value, s, &used, err));
    r->at += used;
    const bool done = r->value.state == HTH_V_DONE;
    if (!done && !r->value.bad && !r->ended) return wait(moved);
    if (done && r->t->shape == HTH_TALK_WRAPPED) {
        r->state = HTH_R_ITEM;
        return HTH_OK;
    }
    HTH_TRY(hth_value_close(&r->value, err));
    return hth_reply_call_end(r, done, err);
}

/* To the end of the object around the arguments: nothing more in it is needed. */
static HthStatus step_item(HthReply *r, bool *moved, HthErr *err) {
    const HthStr s = hth_reply_rest(r);
    size_t n = 0;
    for (; n < s.n && r->depth; n++) {
        const char c = s.p[n];
        if (r->in_escape) {
            r->in_escape = false;
        } else if (r->in_string) {
            r->in_escape = c == '\\';
            r->in_string = c != '"';
        } else {
            r->in_string = c == '"';
            r->depth += c == '{' || c == '[';
            r->depth -= c == '}' || c == ']';
        }
    }
    r->at += n;
    if (r->depth && !r->ended) return wait(moved);
    const bool list = r->list;
    HTH_TRY(hth_reply_call_end(r, true, err));
    if (list) r->state = HTH_R_LIST;
    return HTH_OK;
}

static HthStatus step_list(HthReply *r, bool *moved, HthErr *err) {
    const HthStr s = hth_reply_rest(r);
    size_t n = 0;
    while (n < s.n && (hth_is_blank(s.p[n]) || s.p[n] == ',')) n++;
    if (n < s.n && s.p[n] == ']') {
        r->at += n + 1;
        r->list = false;
        r->state = HTH_R_TAIL;
        return HTH_OK;
    }
    HthHead head;
    const HthFit fit = hth_reply_list_head(r, hth_str_sub(s, n, s.n), &head);
    if (fit == HTH_FIT_MORE && !r->ended) return wait(moved);
    r->at += n;
    r->list = false;
    if (fit != HTH_FIT_YES) {
        to_text(r);
        return HTH_OK;
    }
    r->at += head.used;
    return begin_call(r, &head, err);
}

static HthStatus step_tail(HthReply *r, bool *moved, HthErr *err) {
    const HthTalk *t = r->t;
    const HthStr all = hth_reply_rest(r);
    size_t n = 0;
    while (n < all.n && (hth_is_blank(all.p[n]) ||
                         (t->shape == HTH_TALK_WRAPPED && (all.p[n] == ';' || all.p[n] == ','))))
        n++;
    const HthStr s = hth_str_sub(all, n, all.n);
    HthHead head;
    const HthFit call = hth_reply_head(r, s, true, &head);
    Mark m = { 0 };
    consider(&m, M_DROP, t->find_item_close, s);
    consider(&m, M_DROP, t->find_section_close, s);
    if (call == HTH_FIT_YES) {
        r->at += n + head.used;
        return begin_call(r, &head, err);
    }
    if ((call == HTH_FIT_MORE || m.more) && !r->ended) return wait(moved);
    r->at += n;
    if (m.kind)
        r->at += m.used;
    else if (m.more)
        r->at += s.n; /* half of a mark that closes */
    else
        to_text(r);
    return HTH_OK;
}

static HthStatus step(HthReply *r, bool *moved, HthErr *err) {
    switch (r->state) {
    case HTH_R_TEXT:
    case HTH_R_THINK: return step_words(r, moved, err);
    case HTH_R_ARGS: return step_args(r, moved, err);
    case HTH_R_ITEM: return step_item(r, moved, err);
    case HTH_R_LIST: return step_list(r, moved, err);
    case HTH_R_PARAM: return hth_reply_param(r, moved, err);
    case HTH_R_VALUE: return hth_reply_value(r, moved, err);
    case HTH_R_TAIL: return step_tail(r, moved, err);
    }
    return HTH_OK;
}

/* --- open, put, end --- */

static void first_of(HthReply *r, HthStr s) {
    if (s.n) r->first[(uint8_t)*s.p] = true;
}

static void find_first(HthReply *r) {
    const HthTalk *t = r->t;
    first_of(r, t->think_open);
    first_of(r, t->think_close);
    if (r->cfg.tools) {
        first_of(r, t->find_section);
        first_of(r, t->find_item);
        if (t->shape == HTH_TALK_WRAPPED && !t->find_section.n && !t->find_item.n)
            r->first['{'] = r->first['['] = true;
    }
    for (uint32_t i = 0; i < t->noise_count; i++) first_of(r, t->noise[i]);
    if (t->headers) r->first['<'] = true;
    for (int c = 0; c < 256; c++)
        if (hth_trie_step(t->control, HTH_TRIE_ROOT, (char)c) != HTH_TRIE_NONE) r->first[c] = true;
}

/* The prompt may have begun what the reply goes on with. */
static HthStatus go_on(HthReply *r, HthErr *err) {
    const HthTalk *t = r->t;
    HthStr s = r->cfg.prompt;
    while (s.n && hth_is_blank(s.p[s.n - 1])) s.n--;
    const HthStr start = HTH_STR("<|start|>assistant");
    const HthStr tail = hth_str_sub(s, s.n > HTH_REPLY_HEADER_MAX ? s.n - HTH_REPLY_HEADER_MAX : 0,
                                    HTH_REPLY_HEADER_MAX);
    if (t->headers) {
        size_t from = SIZE_MAX;
        for (size_t i = 0; i < tail.n; i++)
            if (hth_str_starts(hth_str_sub(tail, i, tail.n), start)) from = i;
        return from == SIZE_MAX ? HTH_OK
                                : hth_buf_add_str(&r->held, hth_str_sub(tail, from, tail.n), err);
    }
    r->skip = t->blank_lead;
    if (t->think_open.n && hth_str_ends(s, t->think_open)) {
        r->state = HTH_R_THINK;
        r->skip = !r->cfg.keep_thinking;
        return HTH_OK;
    }
    if (t->think_close.n && hth_str_ends(s, t->think_close)) r->skip = true;
    const HthStr marks[] = { t->find_section, t->find_item };
    for (size_t i = 0; i < HTH_COUNT(marks); i++)
        if (marks[i].n && hth_str_ends(s, marks[i]))
            return hth_buf_add_str(&r->held, marks[i], err);
    return HTH_OK;
}

HthStatus hth_reply_open(HthReply **out, const HthTalk *t, const HthReplyCfg *cfg, HthErr *err) {
    HTH_ASSERT(cfg->part);
    HthReply *r = hth_calloc(1, sizeof *r);
    HTH_REQUIRE(r, err, HTH_ENOMEM, "out of memory for a reply");
    r->t = t;
    r->cfg = *cfg;
    r->fresh = true;
    hth_buf_init(&r->held, TEXT_MAX);
    hth_buf_init(&r->out, TEXT_MAX);
    hth_buf_init(&r->key, TEXT_MAX);
    hth_buf_init(&r->raw, TEXT_MAX);
    find_first(r);
    const HthStatus st = go_on(r, err);
    r->cfg.prompt = (HthStr){ "", 0 };
    if (st == HTH_OK)
        *out = r;
    else
        hth_reply_close(&r);
    return st;
}

static HthStatus run(HthReply *r, HthErr *err) {
    bool moved = true;
    while (moved && (r->at < r->held.n || r->ended)) {
        const size_t at = r->at;
        const HthReplyState state = r->state;
        HTH_TRY(step(r, &moved, err));
        if (r->ended && r->at == at && r->state == state && r->at == r->held.n) break;
    }
    memmove(r->held.p, r->held.p + r->at, r->held.n - r->at);
    r->held.n -= r->at;
    r->at = 0;
    return hth_reply_flush(r, err);
}

HthStatus hth_reply_put(HthReply *r, HthStr text, HthErr *err) {
    HTH_ASSERT(!r->ended);
    if (!text.n) return HTH_OK;
    HTH_TRY(hth_buf_add_str(&r->held, text, err));
    return run(r, err);
}

HthStatus hth_reply_end(HthReply *r, HthErr *err) {
    r->ended = true;
    if (!r->held.p) HTH_TRY(hth_buf_reserve(&r->held, 1, err));
    return run(r, err);
}

uint32_t hth_reply_calls(const HthReply *r) {
    return r->calls;
}

void hth_reply_close(HthReply **r) {
    if (!*r) return;
    hth_buf_drop(&(*r)->held);
    hth_buf_drop(&(*r)->out);
    hth_buf_drop(&(*r)->key);
    hth_buf_drop(&(*r)->raw);
    hth_free(*r);
    *r = NULL;
}
