/* replies.h - what a reply gave, collected; small templates of every shape of calls.
 *
 * Include after cmocka's headers or none.  A reply is written down as one string: words as they
 * are, reasoning as {T:...}, a call as {C:name arguments}.
 *
 * Thread: the test's. */
#ifndef HTH_TESTS_SUPPORT_REPLIES_H
#define HTH_TESTS_SUPPORT_REPLIES_H

#include <string.h>

#include "base/mem.h"
#include "text/reply_int.h"

typedef struct Replies {
    HthBuf log; /* the string described above */
    HthBuf args;
    json_t *calls; /* [{name, arguments}]; arguments null: no JSON */
    char name[160];
    bool thinking, in_call, bad; /* bad: parts out of order, or arguments that are no JSON */
} Replies;

static inline void replies_open(Replies *s) {
    memset(s, 0, sizeof *s);
    hth_buf_init(&s->log, 1 << 24);
    hth_buf_init(&s->args, 1 << 24);
    s->calls = json_array();
}

static inline void replies_drop(Replies *s) {
    hth_buf_drop(&s->log);
    hth_buf_drop(&s->args);
    json_decref(s->calls);
}

static inline void replies_add(Replies *s, const char *before, HthStr text, const char *after) {
    s->bad |= hth_buf_add_str(&s->log, hth_str(before), NULL) != HTH_OK;
    s->bad |= hth_buf_add_str(&s->log, text, NULL) != HTH_OK;
    s->bad |= hth_buf_add_str(&s->log, hth_str(after), NULL) != HTH_OK;
}

static inline void replies_call_end(Replies *s) {
    json_error_t e;
    const HthStr args = hth_buf_str(&s->args);
    json_t *v = json_loadb(args.p, args.n, JSON_ALLOW_NUL, &e);
    s->bad |= !json_is_object(v);
    replies_add(s, " ", args, "}");
    json_array_append_new(
        s->calls, json_pack("{s:s, s:o}", "name", s->name, "arguments", v ? v : json_null()));
    s->in_call = false;
}

static inline void replies_part(void *payload, const HthPart *part) {
    Replies *s = payload;
    const bool thinking = part->kind == HTH_PART_THINKING;
    if (s->thinking != thinking) replies_add(s, thinking ? "{T:" : "}", HTH_STR(""), "");
    s->thinking = thinking;
    switch (part->kind) {
    case HTH_PART_TEXT:
    case HTH_PART_THINKING:
        s->bad |= s->in_call || !part->text.n;
        replies_add(s, "", part->text, "");
        break;
    case HTH_PART_CALL:
        s->bad |= s->in_call || part->call != json_array_size(s->calls);
        s->in_call = true;
        snprintf(s->name, sizeof s->name, "%.*s", HTH_STR_ARG(part->text));
        hth_buf_clear(&s->args);
        replies_add(s, "{C:", part->text, "");
        break;
    case HTH_PART_ARGS:
        s->bad |= !s->in_call || part->call != json_array_size(s->calls);
        s->bad |= hth_buf_add_str(&s->args, part->text, NULL) != HTH_OK;
        break;
    case HTH_PART_CALL_END:
        s->bad |= !s->in_call;
        replies_call_end(s);
        break;
    }
}

/* Feeds text in pieces: the first of `first` bytes, then of `step`. */
static inline HthStatus replies_read(Replies *s, const HthTalk *t, HthReplyCfg cfg, HthStr text,
                                     size_t first, size_t step, HthErr *err) {
    HthReply *r = NULL;
    cfg.part = replies_part;
    cfg.payload = s;
    HthStatus st = hth_reply_open(&r, t, &cfg, err);
    size_t n = first < text.n ? first : text.n;
    for (size_t at = 0; st == HTH_OK && at < text.n; at += n, n = step)
        st = hth_reply_put(r, hth_str_sub(text, at, n), err);
    if (st == HTH_OK) st = hth_reply_end(r, err);
    if (st == HTH_OK) s->bad |= hth_reply_calls(r) > json_array_size(s->calls);
    if (s->thinking) replies_add(s, "}", HTH_STR(""), "");
    s->thinking = false;
    hth_reply_close(&r);
    return st;
}

/* --- templates --- */

#define RT_USER(open, close)                                                                       \
    "{% for m in messages %}{% if m.role == 'user' %}" open "{{ m.content }}" close
#define RT_END       "{% endif %}{% endfor %}"
#define RT_ASK(text) "{% if add_generation_prompt %}" text "{% endif %}"
#define RT_TOOLS     "{% if tools %}{{ tools | tojson }}{% endif %}"
#define RT_CALLS     "{% for c in m.tool_calls or [] %}{% set f = c.function %}"

/* clang-format off */
static const struct {
    const char *name, *source;
} REPLIES_TEMPLATES[] = {
    { "hermes", RT_TOOLS RT_USER("<|im_start|>user\n", "<|im_end|>\n")
      "{% elif m.role == 'assistant' %}<|im_start|>assistant\n"
      "{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}"
      "{{ m.content or '' }}" RT_CALLS
      "{{ '\n<tool_call>\n{\"name\": \"' + f.name + '\", \"arguments\": ' }}{{ f.arguments | toj"
      "son }}"
      "{{ '}\n</tool_call>' }}{% endfor %}<|im_end|>\n" RT_END RT_ASK("<|im_start|>assistant\n") },
    { "mistral", RT_TOOLS RT_USER("[INST]", "[/INST]")
      "{% elif m.role == 'assistant' %}{{ m.content or '' }}" RT_CALLS
      "[TOOL_CALLS]{{ f.name }}[ARGS]{{ f.arguments | tojson }}{% endfor %}</s>" RT_END },
    { "nemo", RT_TOOLS RT_USER("[INST]", "[/INST]")
      "{% elif m.role == 'assistant' %}{{ m.content or '' }}{% if m.tool_calls %}[TOOL_CALLS]["
      RT_CALLS "{\"name\": \"{{ f.name }}\", \"arguments\": {{ f.arguments | tojson }}, \"id\": "
      "\"{{ c.id }}\"}{{ ', ' if not loop.last }}{% endfor %}]{% endif %}</s>" RT_END },
    { "llama3", RT_TOOLS RT_USER("<|u|>", "<|eot_id|>")
      "{% elif m.role == 'assistant' %}<|a|>{% if m.tool_calls %}{% if m.tool_calls | length > 1 %}"
      "{{ raise_exception('one') }}{% endif %}{% set f = m.tool_calls[0].function %}"
      "{\"name\": \"{{ f.name }}\", \"parameters\": {{ f.arguments | tojson }}}{% else %}"
      "{{ m.content }}{% endif %}<|eot_id|>" RT_END RT_ASK("<|a|>") },
    { "qwen3-coder", RT_TOOLS RT_USER("<|im_start|>user\n", "<|im_end|>\n")
      "{% elif m.role == 'assistant' %}<|im_start|>assistant\n{{ m.content or '' }}" RT_CALLS
      "{{ '\n<tool_call>\n<function=' + f.name + '>\n' }}{% for k, v in f.arguments.items() %}"
      "{{ '<parameter=' + k + '>\n' }}{{ v if v is string else v | tojson }}"
      "{{ '\n</parameter>\n' }}{% endfor %}{{ '</function>\n</tool_call>' }}{% endfor %}"
      "<|im_end|>\n" RT_END RT_ASK("<|im_start|>assistant\n") },
    { "lfm", RT_TOOLS RT_USER("<|im_start|>user\n", "<|im_end|>\n")
      "{% elif m.role == 'assistant' %}<|im_start|>assistant\n{{ m.content or '' }}"
      "{% if m.tool_calls %}<|tool_call_start|>[" RT_CALLS "{{ f.name }}("
      "{% for k, v in f.arguments.items() %}{{ k }}={{ \"'\" + v + \"'\" if v is string else v }}"
      "{{ ', ' if not loop.last }}{% endfor %}){{ ', ' if not loop.last }}{% endfor %}]"
      "<|tool_call_end|>{% endif %}<|im_end|>\n" RT_END RT_ASK("<|im_start|>assistant\n") },
    { "gemma", RT_TOOLS RT_USER("<|turn>user\n", "<turn|>\n")
      "{% elif m.role == 'assistant' %}<|turn>model\n{{ m.content or '' }}" RT_CALLS
      "<|tool_call>call:{{ f.name }}{{ '{' }}{% for k, v in f.arguments | dictsort %}{{ k }}:"
      "{% if v is string %}<|\"|>{{ v }}<|\"|>{% elif v is number %}{{ v }}{% else %}["
      "{% for x in v %}<|\"|>{{ x }}<|\"|>{% endfor %}]{% endif %}{{ ',' if not loop.last }}"
      "{% endfor %}{{ '}' }}<tool_call|>{% endfor %}<turn|>\n" RT_END RT_ASK("<|turn>model\n") },
    { "harmony", RT_TOOLS RT_USER("<|start|>user<|message|>", "<|end|>")
      "{% elif m.role == 'assistant' %}{% if m.tool_calls %}{% set f = m.tool_calls[0].function %}"
      "<|start|>assistant to=functions.{{ f.name }}<|channel|>commentary json<|message|>"
      "{{ f.arguments | tojson }}<|call|>{% else %}<|start|>assistant<|channel|>final<|message|>"
      "{{ m.content }}<|return|>{% endif %}" RT_END RT_ASK("<|start|>assistant") },
    { "functionary", RT_TOOLS RT_USER("<|u|>", "<|eot_id|>")
      "{% elif m.role == 'assistant' %}<|a|>{% if m.content %}{{ '>>>all\n' + m.content }}{% end"
      "if %}"
      RT_CALLS "{{ '>>>' + f.name + '\n' + f.arguments }}{% endfor %}<|eot_id|>" RT_END
      RT_ASK("<|a|>>>>") },
    { "glm", RT_TOOLS RT_USER("<|user|>", "")
      "{% elif m.role == 'assistant' %}<|assistant|><think>{{ m.reasoning_content or '' }}</think>"
      "{{ m.content or '' }}" RT_CALLS "<tool_call>{{ f.name }}{% for k, v in f.arguments.items("
      ") %}"
      "<arg_key>{{ k }}</arg_key><arg_value>{{ v if v is string else v | tojson }}</arg_value>"
      "{% endfor %}</tool_call>{% endfor %}" RT_END RT_ASK("<|assistant|><think>") },
    { "none", RT_USER("<u>", "</u>") "{% else %}<a>{{ m.content }}</a>" RT_END },
};

static const char REPLIES_TOOLS[] = "[{\"type\":\"function\",\"function\":{\"name\":\"get\","
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"q\":{\"type\":\"string\"},\"n\":"
    "{\"type\":\"integer\"},\"b\":{\"type\":\"boolean\"},\"l\":{\"type\":\"array\"},\"o\":"
    "{\"type\":\"object\"},\"z\":{\"type\":[\"string\",\"null\"]},\"e\":{\"enum\":[1,\"a\"]},"
    "\"any\":{}}}}},{\"type\":\"function\",\"function\":{\"name\":\"get_more\",\"parameters\":{}}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"naught\"}}]";
/* clang-format on */

typedef struct RepliesTalk {
    HthTemplate *tmpl;
    HthTalk *talk;
    json_t *tools;
} RepliesTalk;

/* Opens the template of this name above. */
static inline HthStatus replies_talk(RepliesTalk *out, const char *name, const HthVocab *v,
                                     HthErr *err) {
    RepliesTalk t = { 0 };
    HthStatus st = HTH_FAIL(err, HTH_EINVAL, "no such template");
    for (size_t i = 0; i < HTH_COUNT(REPLIES_TEMPLATES); i++)
        if (strcmp(REPLIES_TEMPLATES[i].name, name) == 0)
            st = hth_template_open(&t.tmpl, hth_str(REPLIES_TEMPLATES[i].source), err);
    if (st == HTH_OK) st = hth_talk_open(&t.talk, t.tmpl, v, err);
    if (st == HTH_OK) st = hth_json_parse(&t.tools, hth_str(REPLIES_TOOLS), 1 << 20, err);
    if (st != HTH_OK) {
        hth_talk_close(&t.talk);
        hth_template_close(&t.tmpl);
    }
    *out = t;
    return st;
}

static inline void replies_talk_close(RepliesTalk *t) {
    hth_talk_close(&t->talk);
    hth_template_close(&t->tmpl);
    json_decref(t->tools);
}

#endif
