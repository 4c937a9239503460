/* talk_grammar.c - the language of the replies that a choice of tools allows.
 *
 * Reasoning, then words or calls. Words are any text in which no call begins; calls are written as
 * the template writes them, their arguments by each tool's schema. After calls nothing follows: a
 * model that goes on there makes up what the tools answered.
 *
 * Thread: a talk is immutable, any; the nodes belong to whoever owns ir. */
#include <string.h>

#include "text/reply_int.h"
#include "text/schema.h"

enum { PIECES_MAX = 96, PATTERN_MAX = 1 << 16 };

static HthStr rtrim(HthStr s) {
    while (s.n && hth_is_blank(s.p[s.n - 1])) s.n--;
    return s;
}

static HthStr ltrim(HthStr s) {
    while (s.n && hth_is_blank(*s.p)) s = hth_str_sub(s, 1, s.n);
    return s;
}

/* --- pieces --- */

/* The control token s begins with; 0: none. */
static size_t control_len(const HthTalk *t, HthStr s) {
    uint32_t id;
    return s.n ? hth_trie_longest(t->control, s, &id) : 0;
}

static HthNode control(const HthTalkIr *g, HthStr text) {
    HthBuf buf;
    HthNode node = HTH_NODE_NONE;
    hth_buf_init(&buf, 1 << 12);
    if (hth_buf_add_char(&buf, '\xFF', NULL) == HTH_OK &&
        hth_buf_add_str(&buf, text, NULL) == HTH_OK)
        node = hth_ir_bytes(g->ir, hth_buf_str(&buf));
    hth_buf_drop(&buf);
    return node;
}

/* Texts that match the pattern from end to end. */
static HthNode matching(const HthTalkIr *g, const char *pattern) {
    HthDfa *d = NULL;
    HthByteDfa bytes = { 0 };
    HthNode node = HTH_NODE_NONE;
    HthStatus st = hth_dfa_pattern(&d, hth_str(pattern), true, g->err);
    if (st == HTH_OK) st = hth_dfa_bytes(&bytes, d, HTH_DFA_UTF8, g->err);
    if (st == HTH_OK) node = hth_ir_dfa(g->ir, &bytes);
    hth_byte_dfa_drop(&bytes);
    hth_dfa_close(&d);
    return node;
}

HthNode hth_talk_mark(const HthTalkIr *g, HthStr mark, HthStr key) {
    HthNode piece[PIECES_MAX];
    size_t n = 0, from = 0, at = 0;
    while (at <= mark.n && n + 2 < PIECES_MAX) {
        const HthStr rest = hth_str_sub(mark, at, mark.n);
        const size_t token = control_len(g->t, rest);
        const char c = rest.n ? *rest.p : 0;
        const bool special = token || c == HTH_LIT_WILD || c == HTH_LIT_KEY || !rest.n;
        if (special && at > from)
            piece[n++] = hth_ir_bytes(g->ir, hth_str_sub(mark, from, at - from));
        if (token)
            piece[n++] = control(g, hth_str_sub(rest, 0, token));
        else if (c == HTH_LIT_WILD)
            piece[n++] = matching(g, "[A-Za-z0-9_.\\-]{1,40}");
        else if (c == HTH_LIT_KEY)
            piece[n++] = hth_ir_bytes(g->ir, key);
        at += token ? token : 1;
        if (special) from = at;
    }
    return hth_ir_seq(g->ir, piece, n);
}

static HthNode seq2(const HthTalkIr *g, HthNode a, HthNode b) {
    return hth_ir_seq(g->ir, (HthNode[]){ a, b }, 2);
}

static HthNode maybe(const HthTalkIr *g, HthNode a) {
    return hth_ir_repeat(g->ir, a, 0, 1);
}

static HthNode plain(const HthTalkIr *g, HthStr mark) {
    return hth_talk_mark(g, mark, HTH_STR(""));
}

static HthNode mark(const HthTalkIr *g, const char *text) {
    return plain(g, hth_str(text));
}

static HthNode blanks(const HthTalkIr *g) {
    return matching(g, "[ \\n]{0,4}");
}

/* --- text in which something is not --- */

HthStatus hth_talk_pattern(const HthTalkIr *g, HthStr mark, HthBuf *out, bool *is) {
    *is = false;
    for (size_t i = 0; i < mark.n; i++)
        if (control_len(g->t, hth_str_sub(mark, i, mark.n))) return HTH_OK;
    *is = mark.n > 0;
    for (size_t i = 0; i < mark.n; i++) {
        const char c = mark.p[i];
        if (hth_is_blank(c)) {
            while (i + 1 < mark.n && hth_is_blank(mark.p[i + 1])) i++;
            HTH_TRY(hth_buf_add_str(out, HTH_STR("[ \\n\\r\\t]*"), g->err));
            continue;
        }
        if (c == HTH_LIT_WILD || c == HTH_LIT_KEY) return HTH_OK; /* so far is enough */
        if (strchr("^$\\.*+?()[]{}|/", c)) HTH_TRY(hth_buf_add_char(out, '\\', g->err));
        HTH_TRY(hth_buf_add_char(out, c, g->err));
    }
    return HTH_OK;
}

HthStatus hth_talk_text(const HthTalkIr *g, HthStr without, HthNode *out) {
    HthDfa *has = NULL, *d = NULL;
    HthByteDfa bytes = { 0 };
    HthStatus st = without.n ? hth_dfa_pattern(&has, without, false, g->err)
                             : hth_dfa_pattern(&d, HTH_STR(""), false, g->err);
    if (st == HTH_OK && without.n) st = hth_dfa_not(&d, has, g->err);
    if (st == HTH_OK) st = hth_dfa_bytes(&bytes, d, HTH_DFA_UTF8, g->err);
    if (st == HTH_OK) *out = hth_ir_dfa(g->ir, &bytes);
    hth_byte_dfa_drop(&bytes);
    hth_dfa_close(&d);
    hth_dfa_close(&has);
    return st;
}

static HthStatus text_without_mark(const HthTalkIr *g, HthStr mark, HthNode *out) {
    HthBuf pattern;
    bool is;
    hth_buf_init(&pattern, PATTERN_MAX);
    HthStatus st = hth_talk_pattern(g, mark, &pattern, &is);
    if (st == HTH_OK) st = hth_talk_text(g, is ? hth_buf_str(&pattern) : HTH_STR(""), out);
    hth_buf_drop(&pattern);
    return st;
}

static HthStr tool_name(const json_t *tool) {
    const json_t *f = json_object_get(tool, "function");
    const json_t *name = json_object_get(f ? f : tool, "name");
    return (HthStr){ json_is_string(name) ? json_string_value(name) : "",
                     json_string_length(name) };
}

/* (?:a|b): the names of the tools. */
static HthStatus names_pattern(const HthTalkIr *g, const json_t *tools, HthBuf *out) {
    bool is;
    HTH_TRY(hth_buf_add_str(out, HTH_STR("(?:"), g->err));
    for (size_t i = 0; i < json_array_size(tools); i++) {
        if (i) HTH_TRY(hth_buf_add_char(out, '|', g->err));
        HTH_TRY(hth_talk_pattern(g, tool_name(json_array_get(tools, i)), out, &is));
    }
    return hth_buf_add_char(out, ')', g->err);
}

/* What begins a call: its first tag; where that is no tag, all of it and a name. */
static HthStatus opening(const HthTalkIr *g, const json_t *tools, HthStr mark, HthBuf *out) {
    const HthStr s = hth_str_trim(mark);
    const size_t first = hth_unit_len(s), was = out->n;
    const bool tag = first > 2;
    bool is;
    if (!s.n) return HTH_OK;
    if (out->n) HTH_TRY(hth_buf_add_char(out, '|', g->err));
    HTH_TRY(hth_talk_pattern(g, tag ? hth_str_sub(s, 0, first) : s, out, &is));
    if (is && !tag && g->t->shape == HTH_TALK_NAMED) HTH_TRY(names_pattern(g, tools, out));
    if (!is && out->p) {
        out->n = was;
        out->p[was] = 0;
    }
    return HTH_OK;
}

/* Words of an answer: any text in which no call begins. */
static HthStatus words(const HthTalkIr *g, const json_t *tools, HthNode *out) {
    const HthTalk *t = g->t;
    HthBuf pattern;
    HthStatus st = HTH_OK;
    hth_buf_init(&pattern, PATTERN_MAX);
    const bool bare = t->shape == HTH_TALK_WRAPPED && !t->find_section.n && !t->find_item.n;
    if (json_array_size(tools) && bare) { /* calls have no mark: by what they are */
        st = hth_buf_add_str(&pattern, HTH_STR("^[ \\n]*\\{[ \\n]*\"name\"[ \\n]*:[ \\n]*\""),
                             g->err);
        if (st == HTH_OK) st = names_pattern(g, tools, &pattern);
        if (st == HTH_OK) st = hth_buf_add_char(&pattern, '"', g->err);
    } else if (json_array_size(tools)) {
        st = opening(g, tools, t->find_section, &pattern);
        if (st == HTH_OK) st = opening(g, tools, t->find_item, &pattern);
    }
    if (st == HTH_OK) st = hth_talk_text(g, hth_buf_str(&pattern), out);
    hth_buf_drop(&pattern);
    return st;
}

/* --- calls --- */

/* One call, without the marks around it. */
static HthStatus call(const HthTalkIr *g, const json_t *tool, HthNode *out) {
    const HthTalk *t = g->t;
    const json_t *f = json_object_get(tool, "function");
    const HthNode name = hth_ir_bytes(g->ir, tool_name(tool));
    HthNode args;
    HTH_TRY(hth_talk_args(g, json_object_get(f ? f : tool, "parameters"), &args));
    if (t->shape == HTH_TALK_WRAPPED) {
        const HthNode pieces[] = { plain(g, t->item_text[0]), name, plain(g, t->item_text[1]), args,
                                   plain(g, t->item_text[2]) };
        *out = hth_ir_seq(g->ir, pieces, HTH_COUNT(pieces));
    } else {
        const HthNode pieces[] = { name, plain(g, t->mid), args };
        *out = hth_ir_seq(g->ir, pieces, HTH_COUNT(pieces));
    }
    return HTH_OK;
}

/* ITEM (between ITEM)*, as many as one reply may hold. */
static HthNode several(const HthTalkIr *g, HthNode item, HthNode between, bool many) {
    if (!many) return item;
    const HthNode more = hth_ir_repeat(g->ir, seq2(g, between, item), 0, HTH_REPLY_CALLS_MAX - 1);
    return seq2(g, item, more);
}

/* Calls with all their marks; before the first one blanks are the words'. opened: the prompt ends
 * with the first mark already. */
static HthStatus calls(const HthTalkIr *g, HthNode item, bool parallel, bool opened, HthNode *out) {
    const HthTalk *t = g->t;
    const bool many = parallel && t->parallel;
    const HthNode lead = maybe(g, plain(g, opened ? HTH_STR("") : t->lead));
    HthStr open = ltrim(t->section_open.n ? t->section_open : t->item_open);
    if (opened) open = HTH_STR("");
    if (t->list) {
        const HthNode pieces[] = { lead,
                                   plain(g, open),
                                   plain(g, t->list_open),
                                   several(g, item, plain(g, t->list_next), many),
                                   plain(g, t->list_close),
                                   plain(g, rtrim(t->section_close)) };
        *out = hth_ir_seq(g->ir, pieces, HTH_COUNT(pieces));
        return HTH_OK;
    }
    const HthNode between = seq2(g, plain(g, t->item_close), plain(g, t->item_open));
    const HthStr last = t->separates ? HTH_STR("") : rtrim(t->item_close);
    const HthNode pieces[] = { lead,
                               plain(g, open),
                               plain(g, t->section_open.n ? t->item_open : HTH_STR("")),
                               several(g, item, between, many),
                               plain(g, last),
                               plain(g, rtrim(t->section_close)) };
    *out = hth_ir_seq(g->ir, pieces, HTH_COUNT(pieces));
    return HTH_OK;
}

/* --- replies whose every piece has a header --- */

/* How a call's header and its end are written; NAMED and TAGGED shapes. */
static HthStatus header_call(const HthTalkIr *g, const json_t *tool, HthNode *out) {
    const HthTalk *t = g->t;
    const json_t *f = json_object_get(tool, "function");
    const HthNode name = hth_ir_bytes(g->ir, tool_name(tool));
    HthNode args;
    HTH_TRY(hth_talk_args(g, json_object_get(f ? f : tool, "parameters"), &args));
    if (t->shape == HTH_TALK_TAGGED) {
        const HthNode pieces[] = {
            mark(g, " to="),  name, mark(g, "<|message|>"),        plain(g, t->item_open), name,
            plain(g, t->mid), args, plain(g, rtrim(t->item_close))
        };
        *out = hth_ir_seq(g->ir, pieces, HTH_COUNT(pieces));
        return HTH_OK;
    }
    const HthNode kind =
        maybe(g, hth_ir_alt(g->ir,
                            (HthNode[]){ mark(g, " json"), mark(g, " <|constrain|>json"),
                                         mark(g, "<|constrain|>json") },
                            3));
    const HthNode first[] = { mark(g, " to=functions."),        name,
                              mark(g, "<|channel|>commentary"), kind,
                              mark(g, "<|message|>"),           args };
    const HthNode then[] = { mark(g, "<|channel|>commentary to=functions."), name, kind,
                             mark(g, "<|message|>"), args };
    *out = hth_ir_alt(g->ir,
                      (HthNode[]){ hth_ir_seq(g->ir, first, HTH_COUNT(first)),
                                   hth_ir_seq(g->ir, then, HTH_COUNT(then)) },
                      2);
    return HTH_OK;
}

/* Words and thoughts hold none of a header's marks. */
#define NO_HEADER "<\\|(?:start|channel|message|end|eom)\\|>"

static HthStatus header_reply(const HthTalkIr *g, HthNode answer, HthNode item, bool parallel,
                              bool preamble, HthNode *out) {
    const bool tagged = g->t->shape == HTH_TALK_TAGGED;
    const char *end = tagged ? "<|eom|><|start|>assistant" : "<|end|><|start|>assistant";
    HthNode any;
    HTH_TRY(hth_talk_text(g, HTH_STR(NO_HEADER), &any));
    const HthNode thought[] = { mark(g, tagged ? " to=self<|message|>"
                                               : "<|channel|>analysis<|message|>"),
                                any, mark(g, end) };
    const HthNode said[] = { mark(g, "<|channel|>commentary<|message|>"), any, mark(g, end) };
    const HthNode final[] = {
        mark(g, tagged ? " to=user<|message|>" : "<|channel|>final<|message|>"), answer
    };
    HthNode before[2] = { hth_ir_seq(g->ir, thought, 3), hth_ir_seq(g->ir, said, 3) };
    HthNode last[2];
    size_t n = 0;
    if (answer != HTH_NODE_NONE) last[n++] = hth_ir_seq(g->ir, final, 2);
    if (item != HTH_NODE_NONE) last[n++] = several(g, item, mark(g, end), parallel && tagged);
    const HthNode start = hth_ir_alt(g->ir, before, preamble && !tagged ? 2 : 1);
    *out = seq2(g, hth_ir_repeat(g->ir, start, 0, HTH_MANY), hth_ir_alt(g->ir, last, n));
    return HTH_OK;
}

/* --- the whole --- */

uint32_t hth_talk_begun(const HthTalk *t, HthStr prompt) {
    const HthStr end = rtrim(prompt);
    const HthStr first = t->find_section.n ? t->find_section : t->find_item;
    uint32_t begun = 0;
    if (t->think_close.n && hth_str_ends(end, t->think_open)) begun |= HTH_TALK_BEGUN_THINKING;
    if (first.n && hth_str_ends(end, first)) begun |= HTH_TALK_BEGUN_CALL;
    return begun;
}

/* Reasoning, as far as the prompt has not got already; without a prompt either may be. */
static HthStatus reasoning(const HthTalkIr *g, const HthStr *prompt, HthNode *out) {
    const HthTalk *t = g->t;
    HthNode thought;
    *out = hth_ir_bytes(g->ir, HTH_STR(""));
    if (!t->think_close.n) return HTH_OK;
    HTH_TRY(text_without_mark(g, t->think_close, &thought));
    const HthNode open = plain(g, t->think_open);
    const bool opened = prompt && hth_talk_begun(t, *prompt) & HTH_TALK_BEGUN_THINKING;
    const HthNode pieces[] = { !prompt  ? maybe(g, open)
                               : opened ? hth_ir_bytes(g->ir, HTH_STR(""))
                                        : open,
                               thought, plain(g, t->think_close), blanks(g),
                               maybe(g, plain(g, t->think_then)) };
    *out = hth_ir_seq(g->ir, pieces, HTH_COUNT(pieces));
    if (!opened) *out = maybe(g, *out);
    return HTH_OK;
}

/* Words with the marks a template may have around them; opened: the prompt ends with the first mark
 * of a call, which must be theirs too then. */
static HthNode framed(const HthTalkIr *g, HthNode words, bool opened) {
    const HthTalk *t = g->t;
    const HthStr first = t->find_section.n ? t->find_section : t->find_item;
    HthNode open = maybe(g, plain(g, ltrim(t->words_open)));
    if (opened) {
        const bool both = hth_str_starts(t->words_open, first);
        const HthStr rest = hth_str_sub(t->words_open, first.n, t->words_open.n);
        open = both ? plain(g, rest) : hth_ir_alt(g->ir, NULL, 0);
    }
    const HthNode pieces[] = { open, words, maybe(g, plain(g, rtrim(t->words_close))) };
    return hth_ir_seq(g->ir, pieces, HTH_COUNT(pieces));
}

/* One of the tools that may be called. */
static HthStatus any_call(const HthTalkIr *g, const json_t *tools, HthStr name, HthNode *out) {
    enum { TOOLS_MAX = 512 };
    HthNode item[TOOLS_MAX];
    size_t n = 0;
    HTH_REQUIRE(json_array_size(tools) <= TOOLS_MAX, g->err, HTH_ELIMIT,
                "a request may offer at most %d tools", TOOLS_MAX);
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i);
        if (name.n && !hth_str_eq(name, tool_name(tool))) continue;
        HTH_REQUIRE(tool_name(tool).n, g->err, HTH_EINVAL, "tool %zu has no name", i);
        HTH_TRY(g->t->headers ? header_call(g, tool, &item[n]) : call(g, tool, &item[n]));
        n++;
    }
    HTH_REQUIRE(n, g->err, HTH_EINVAL,
                "a call is asked for, of a tool that is not among the tools of this request");
    *out = hth_ir_alt(g->ir, item, n);
    return HTH_OK;
}

/* Words, calls, or words and then calls. */
static HthStatus body(const HthTalkIr *g, const json_t *tools, HthToolChoice choice, HthNode item,
                      HthNode answer, bool parallel, bool opened, HthNode *out) {
    const HthTalk *t = g->t;
    const bool free = answer == HTH_NODE_NONE;
    const bool bare = t->shape == HTH_TALK_WRAPPED && !t->find_section.n && !t->find_item.n;
    HthNode text = answer, all;
    if (free) HTH_TRY(words(g, tools, &text));
    if (item == HTH_NODE_NONE) {
        *out = framed(g, text, opened);
        return HTH_OK;
    }
    HTH_TRY(calls(g, item, parallel, opened, &all));
    if (choice != HTH_TOOLS_AUTO) {
        *out = seq2(g, blanks(g), all);
        return HTH_OK;
    }
    HthNode later = all; /* after words it has its first mark again */
    if (opened) HTH_TRY(calls(g, item, parallel, false, &later));
    const bool mixed = free && !bare;
    const HthNode said = framed(g, text, opened);
    const HthNode either[] = { said, seq2(g, blanks(g), all), mixed ? seq2(g, said, later) : said };
    *out = hth_ir_alt(g->ir, either, HTH_COUNT(either));
    return HTH_OK;
}

static HthStatus build(const HthTalkIr *g, const HthStr *prompt, const json_t *tools,
                       HthToolChoice choice, HthStr name, bool parallel, HthNode answer,
                       HthNode *out) {
    const bool forced = choice == HTH_TOOLS_REQUIRED || choice == HTH_TOOLS_NAMED;
    const bool offered = json_array_size(tools) && hth_talk_has_tools(g->t);
    HthNode item = HTH_NODE_NONE, thought, rest;
    HTH_REQUIRE(!forced || hth_talk_has_tools(g->t), g->err, HTH_ENOTSUP,
                "this model's chat template knows no tools");
    if (forced || (offered && choice == HTH_TOOLS_AUTO))
        HTH_TRY(any_call(g, tools, choice == HTH_TOOLS_NAMED ? name : HTH_STR(""), &item));
    if (choice == HTH_TOOLS_NAMED) parallel = false;
    if (g->t->headers) {
        HthNode text = answer;
        if (answer == HTH_NODE_NONE && !forced)
            HTH_TRY(hth_talk_text(g, HTH_STR(NO_HEADER), &text));
        return header_reply(g, forced ? HTH_NODE_NONE : text, item, parallel, !forced, out);
    }
    const bool opened = prompt && hth_talk_begun(g->t, *prompt) & HTH_TALK_BEGUN_CALL;
    HTH_TRY(reasoning(g, prompt, &thought));
    HTH_TRY(body(g, offered ? tools : NULL, choice, item, answer, parallel, opened, &rest));
    *out = seq2(g, thought, rest);
    return HTH_OK;
}

static HthStatus checked(const HthTalk *t, HthIr *ir, const HthStr *prompt, const json_t *tools,
                         HthToolChoice choice, HthStr name, bool parallel, HthNode answer,
                         HthNode *out, HthErr *err) {
    const HthTalkIr g = { t, ir, err };
    HthNode node = HTH_NODE_NONE;
    HTH_TRY(build(&g, prompt, tools, choice, name, parallel, answer, &node));
    HTH_TRY(hth_ir_status(ir, err));
    HTH_REQUIRE(node != HTH_NODE_NONE, err, HTH_ENOMEM, "out of memory for a grammar of replies");
    *out = node;
    return HTH_OK;
}

HthStatus hth_talk_grammar(const HthTalk *t, HthIr *ir, const json_t *tools, HthToolChoice choice,
                           HthStr name, bool parallel, HthNode answer, HthNode *out, HthErr *err) {
    return checked(t, ir, NULL, tools, choice, name, parallel, answer, out, err);
}

HthStatus hth_talk_grammar_after(const HthTalk *t, HthStr prompt, HthIr *ir, const json_t *tools,
                                 HthToolChoice choice, HthStr name, bool parallel, HthNode answer,
                                 HthNode *out, HthErr *err) {
    return checked(t, ir, &prompt, tools, choice, name, parallel, answer, out, err);
}
