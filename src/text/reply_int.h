/* reply_int.h - the inside of replies: what a template taught us, and the machine that reads.
 *
 * talk.c renders made-up conversations, talk_learn.c finds in them how calls are written and
 * talk_think.c how reasoning is; what is learned is an HthTalk.  reply.c walks a reply with it:
 * reply_head.c decides whether a call begins, reply_value.c turns arguments into JSON,
 * reply_param.c those that are written one by one.
 *
 * Thread: as reply.h. */
#ifndef HTH_TEXT_REPLY_INT_H
#define HTH_TEXT_REPLY_INT_H

#include "base/arena.h"
#include "text/reply.h"
#include "text/trie.h"

/* --- texts to be found --- */

/* Two bytes no template writes stand for what varies. Blanks in a literal stand for any run of
 * blanks, or none; so does the gap between two tags. */
#define HTH_LIT_WILD '\x01' /* 0..64 bytes of an identifier or number: call ids, indices */
#define HTH_LIT_KEY  '\x02' /* the name of the parameter */

typedef enum HthFit { HTH_FIT_NO, HTH_FIT_MORE, HTH_FIT_YES } HthFit;
/* Does text begin with lit? *used: how much of it. MORE: it may, when there is more of it. */
HthFit hth_lit_fit(HthStr lit, HthStr key, HthStr text, size_t *used);
static inline bool hth_is_blank(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}
static inline bool hth_is_letter(char c) {
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* --- what was learned --- */

typedef enum HthTalkShape {
    HTH_TALK_NOTHING, /* the template knows no calls */
    HTH_TALK_WRAPPED, /* {"name": N, "arguments": {...}}, one or a list of them */
    HTH_TALK_NAMED, /* N ... {...} */
    HTH_TALK_TAGGED, /* N, then every parameter between its own marks */
    HTH_TALK_PYTHON, /* N(k=v, ...) */
    HTH_TALK_BARE, /* N{k:v, ...}: keys without quotes, strings between tokens */
} HthTalkShape;

enum { HTH_TALK_NOISE_MAX = 6 };

struct HthTalk {
    HthArena *arena;
    const HthVocab *vocab; /* borrowed, may be NULL */
    HthTrie *control; /* texts of control tokens */
    const char *name;
    HthTalkShape shape;
    bool headers; /* <|start|>assistant<|channel|>...<|message|> before every piece */
    bool list; /* WRAPPED: items stand in an array */
    bool keyed; /* WRAPPED: {N: {...}} */
    bool parallel; /* the template writes several calls */
    bool blank_lead; /* blanks before the first word are the template's */
    bool args_text; /* the template wants arguments as a string */
    bool cdata; /* TAGGED: values may stand in <![CDATA[ ]]> */
    bool nested; /* TAGGED: objects and arrays are tags again */
    HthStr think_open, think_close; /* empty: no reasoning */
    /* As rendered; calls are written section_open (item_open CALL item_close)* section_close. */
    HthStr lead; /* closes what was said before, where that has its own marks */
    HthStr section_open, item_open, item_close, section_close;
    bool separates; /* item_close stands between calls only */
    bool pretty; /* arguments are rendered over several lines */
    HthStr words_open, words_close; /* around words; may be left out */
    HthStr think_then; /* after think_close, before what opens words or calls */
    HthStr mid; /* after the name: up to the arguments or the first parameter */
    HthStr key_name, key_args; /* WRAPPED */
    HthStr list_open, list_next, list_close; /* WRAPPED, list: as rendered */
    HthStr item_text[3]; /* WRAPPED: the JSON before, between and after name and arguments */
    HthStr param_open, param_mid, param_mid_other, param_close; /* TAGGED; _other: no string */
    HthStr quote; /* BARE: what stands around strings */
    /* Without blanks at the ends: what a reply is searched for. */
    HthStr find_section, find_item, find_item_close, find_section_close;
    HthStr noise[HTH_TALK_NOISE_MAX]; /* marks around words: dropped */
    uint32_t noise_count;
};

/* Tags open a reasoning before the first word only: behind it somebody writes about them. */
static inline bool hth_think_is_tag(const HthTalk *t) {
    return t->think_open.n > 1 && *t->think_open.p == '<' && t->think_open.p[1] != '|';
}
/* Could words hold this text of a control token? "<s>" is how web pages strike through. */
bool hth_like_words(HthStr s);
/* Copies into the talk's arena. */
HTH_MUST_CHECK HthStatus hth_talk_keep(HthTalk *t, HthStr s, HthStr *out, HthErr *err);
/* Renderings of one made-up conversation; empty where the template refused. */
typedef struct HthTalkProbe {
    HthBuf prompt; /* the question, with the prompt for an answer */
    HthBuf words; /* answered with words */
    HthBuf calls; /* answered with two calls, or one if it takes no more */
    HthBuf untold; /* the prompt when no tool is offered */
    HthBuf thought; /* answered with words after reasoning */
    bool two;
} HthTalkProbe;
/* The words the probes are made of: no template holds them, in an order that sorting keeps. */
extern const char *const hth_probe_name[2], *const hth_probe_key[4], *const hth_probe_value[4];
#define HTH_PROBE_QUESTION "Qzquestion7"
#define HTH_PROBE_WORDS    "Wzanswer7"
#define HTH_PROBE_THOUGHT  "Tzthought7"
#define HTH_PROBE_ID       "zq7Xw5Vk3"
HTH_MUST_CHECK HthStatus hth_talk_learn_calls(HthTalk *t, const HthTalkProbe *p, HthErr *err);
HTH_MUST_CHECK HthStatus hth_talk_learn_think(HthTalk *t, const HthTalkProbe *p, HthStr source,
                                              HthErr *err);
/* What both together show: marks around words; formats that a template does not render. */
HTH_MUST_CHECK HthStatus hth_talk_learn_rest(HthTalk *t, const HthTalkProbe *p, HthStr source,
                                             HthErr *err);
HthStr hth_probe_after(const HthBuf *rendered); /* what follows the question */
/* Texts in units: a tag (<...>, [CAPS]), a run of blanks, or one byte. */
size_t hth_unit_len(HthStr s); /* of the unit s begins with; 0: s is empty */
size_t hth_unit_back(HthStr s); /* of the unit s ends with */
size_t hth_unit_common(HthStr a, HthStr b, bool at_end); /* bytes a and b share, whole units */

/* --- arguments to JSON --- */

typedef enum HthValueMode { HTH_VALUE_JSON, HTH_VALUE_PYTHON, HTH_VALUE_BARE } HthValueMode;
enum { HTH_VALUE_DEPTH_MAX = 200, HTH_VALUE_WORD_MAX = 400 };
typedef enum HthValueState {
    HTH_V_VALUE,
    HTH_V_VALUE_OR_CLOSE,
    HTH_V_KEY,
    HTH_V_KEY_OR_CLOSE,
    HTH_V_KEY_WORD, /* a key without quotes */
    HTH_V_COLON,
    HTH_V_AFTER, /* a value: comma or close */
    HTH_V_STRING,
    HTH_V_WORD, /* number, true, None, ... */
    HTH_V_DONE
} HthValueState;

/* Reads a value byte by byte, writes JSON without blanks. What it has written can always be
 * completed to valid JSON (hth_value_close). */
typedef struct HthValue {
    HthValueState state;
    HthValueMode mode;
    HthStr quote; /* BARE */
    HthBuf *out; /* borrowed */
    uint32_t depth;
    char kind[HTH_VALUE_DEPTH_MAX]; /* '{', '[' or '(' */
    bool bad; /* the text is no such value; the state is where that showed */
    bool comma; /* one is due before whatever comes */
    bool key; /* the string being read is a key */
    bool colon; /* a key and its colon were written, no value yet */
    char end; /* the quote that ends the string; 0: the text of `quote` */
    bool opening; /* `quote` is being read before a string */
    uint32_t quoted; /* bytes of `quote` seen */
    char escape[12]; /* an escape being read */
    uint32_t escape_n;
    uint32_t high; /* a high surrogate that waits for its other half */
    char word[HTH_VALUE_WORD_MAX];
    uint32_t word_n;
} HthValue;

void hth_value_begin(HthValue *v, HthValueMode mode, HthStr quote, HthBuf *out);
/* Reads up to the end of the value (state DONE) or to a byte that does not belong there (bad);
 * *used: bytes read. ENOMEM, ELIMIT of out. */
HTH_MUST_CHECK HthStatus hth_value_put(HthValue *v, HthStr text, size_t *used, HthErr *err);
/* The text is at its end: a number is whole now. */
HTH_MUST_CHECK HthStatus hth_value_end(HthValue *v, HthErr *err);
/* Completes what was written to valid JSON; the state is DONE. */
HTH_MUST_CHECK HthStatus hth_value_close(HthValue *v, HthErr *err);
/* Bytes as the inside of a JSON string. */
HTH_MUST_CHECK HthStatus hth_json_escape(HthBuf *out, HthStr text, HthErr *err);

/* --- reading a reply --- */

enum {
    HTH_REPLY_CALLS_MAX = 128, /* of one reply; further ones are text */
    HTH_REPLY_HEAD_MAX = 16384, /* bytes that may be held while a call is not certain */
    HTH_REPLY_HEADER_MAX = 512,
    HTH_REPLY_VALUE_MAX = 1 << 20 /* of a parameter that is not a string */
};

typedef enum HthReplyState {
    HTH_R_TEXT,
    HTH_R_THINK,
    HTH_R_ARGS, /* arguments in one piece */
    HTH_R_ITEM, /* WRAPPED: after the arguments, to the end of the object */
    HTH_R_LIST, /* WRAPPED: between the items of a list */
    HTH_R_PARAM, /* TAGGED: before a parameter or the end of the call */
    HTH_R_VALUE, /* TAGGED: in a parameter's value */
    HTH_R_TAIL /* after a call: another, or what closes it */
} HthReplyState;

typedef struct HthHead { /* how a call begins */
    HthStr name; /* of the request's tools: borrowed from there */
    const json_t *tool;
    size_t used; /* bytes up to its arguments */
    uint32_t depth; /* WRAPPED: braces that are open there */
    bool list; /* an array of calls was opened */
} HthHead;

struct HthReply {
    const HthTalk *t;
    HthReplyCfg cfg;
    bool first[256]; /* bytes a mark begins with */
    HthReplyState state;
    bool fresh; /* no word since the beginning, a reasoning or a call */
    bool flood; /* more blanks than marks have around them: they are words */
    bool skip; /* blanks that come now are the marks' */
    bool ended; /* nothing more will come */
    bool list; /* in an array of calls */
    uint32_t calls, begun;
    HthBuf held; /* not yet decided, from `at` */
    size_t at;
    HthBuf out; /* a part in the making */
    HthPartKind out_kind;
    HthValue value; /* HTH_R_ARGS */
    uint32_t depth; /* HTH_R_ITEM: open braces */
    bool in_string, in_escape;
    const json_t *tool; /* of the call being read */
    HthBuf key, raw; /* TAGGED: the parameter's name; a value that is no string */
    bool text_value, cdata, any_param, value_begun;
};

/* What begins at text: MORE if that shows only later. in: behind a call already. */
HthFit hth_reply_head(const HthReply *r, HthStr text, bool in, HthHead *out);
HthFit hth_reply_list_head(const HthReply *r, HthStr text, HthHead *out);
/* A tool of the request whose name text begins with; HTH_FIT_YES needs a byte after it. */
HthFit hth_reply_tool(const HthReply *r, HthStr text, size_t skip, HthHead *out);
const json_t *hth_tool_find(const json_t *tools, HthStr name);
/* Parts: added to the one in the making, or begins one. */
HTH_MUST_CHECK HthStatus hth_reply_out(HthReply *r, HthPartKind kind, HthStr text, HthErr *err);
HTH_MUST_CHECK HthStatus hth_reply_flush(HthReply *r, HthErr *err);
HTH_MUST_CHECK HthStatus hth_reply_call_end(HthReply *r, bool whole, HthErr *err);
static inline HthStr hth_reply_rest(const HthReply *r) {
    return hth_str_sub(hth_buf_str(&r->held), r->at, r->held.n);
}
/* Steps: *moved false when more text is needed. */
HTH_MUST_CHECK HthStatus hth_reply_param(HthReply *r, bool *moved, HthErr *err);
HTH_MUST_CHECK HthStatus hth_reply_value(HthReply *r, bool *moved, HthErr *err);
/* The reply ends within a call whose parameters are written one by one. */
HTH_MUST_CHECK HthStatus hth_reply_param_close(HthReply *r, HthErr *err);
/* A value written as text, as JSON: by the types its schema allows. */
HTH_MUST_CHECK HthStatus hth_reply_typed(const HthReply *r, HthStr text, HthBuf *out, HthErr *err);

/* --- the language of replies --- */

typedef struct HthTalkIr { /* what the builders share */
    const HthTalk *t;
    HthIr *ir;
    HthErr *err;
} HthTalkIr;

/* A mark, control tokens spelled as grammar.h says. key: what HTH_LIT_KEY stands for. */
HthNode hth_talk_mark(const HthTalkIr *g, HthStr mark, HthStr key);
/* Any text in which no match of this pattern is; an empty one: any text. */
HTH_MUST_CHECK HthStatus hth_talk_text(const HthTalkIr *g, HthStr without, HthNode *out);
/* As a pattern that matches exactly this, blanks any blanks. False: it holds a control token, so
 * no text can be it. */
HTH_MUST_CHECK HthStatus hth_talk_pattern(const HthTalkIr *g, HthStr mark, HthBuf *out, bool *is);
/* The arguments of a call as the shape writes them, after name and `mid`. */
HTH_MUST_CHECK HthStatus hth_talk_args(const HthTalkIr *g, const json_t *params, HthNode *out);
HTH_MUST_CHECK HthStatus hth_talk_literal(const HthTalkIr *g, const json_t *schema, unsigned depth,
                                          HthNode *out);

#endif
