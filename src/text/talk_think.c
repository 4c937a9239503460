/* talk_think.c - the marks around reasoning and around words, and formats templates do not render.
 *
 * Reasoning is found as calls are: by where a made-up thought stands.  Templates that drop it from
 * past turns still name its marks in their source, which is searched for the known ones.
 *
 * Thread: a talk being opened has one owner. */
#include <string.h>

#include "text/reply_int.h"

/* clang-format off */
static const char *const PAIRS[][2] = { /* looked for in the source, in this order */
    { "<think>", "</think>" }, { "[THINK]", "[/THINK]" }, { "<seed:think>", "</seed:think>" },
    { "<|START_THINKING|>", "<|END_THINKING|>" }, { "<|inner_prefix|>", "<|inner_suffix|>" },
    { "<thinking>", "</thinking>" }, { "<reasoning>", "</reasoning>" },
    { "<thought>", "</thought>" },
};
static const struct {
    const char *mark, *name;
} NAMES[] = { /* by what opens a call */
    { "<function=", "qwen3-coder" }, { "<arg_key", "glm" }, { "<invoke name=", "minimax" },
    { "\xEF\xBD\x9C" "DSML", "dsml" }, { "tool\xE2\x96\x81" "call", "deepseek" },
    { "[TOOL_CALLS]", "mistral" }, { "<|START_ACTION|>", "command-r" }, { "Action:", "command-r" },
    { "<|tool_call_start|>", "lfm" }, { "<|tool_call_begin|>", "kimi" }, { ">>>", "functionary" },
    { "<TOOLCALL>", "nemotron" }, { "functools", "firefunction" }, { "<|tool_call>", "gemma" },
    { "<tool_calls>", "apriel" }, { "<|tools_prefix|>", "apertus" },
    { "<function name=", "minicpm" },
    { "<|tool_calls|>", "solar" }, { "<|function_call|>", "gigachat" },
    { "function call<|role_sep|>", "gigachat" }, { "<|open|>tools", "kimi-k3" },
    { "<atem:", "muse" }, { "<|tool_call|>", "granite" }, { "<tool_call>", "hermes" },
};
static const char *const SHAPES[] = { "none", "json", "named", "tagged", "python", "bare" };
/* clang-format on */

static bool has(HthStr s, const char *what) {
    return hth_str_find(s, hth_str(what)) != SIZE_MAX;
}

static bool is_tag(HthStr s) {
    return s.n > 2 && hth_unit_len(s) == s.n && !hth_is_blank(*s.p);
}

/* The tag s begins with; or tag, word and tag, where they stand together. */
static HthStr first_mark(HthStr s) {
    size_t n = hth_unit_len(s), word = n;
    while (word < s.n && hth_is_letter(s.p[word])) word++;
    const size_t more = hth_unit_len(hth_str_sub(s, word, s.n));
    if (word > n && is_tag(hth_str_sub(s, word, more))) n = word + more;
    return hth_str_sub(s, 0, n);
}

static HthStr last_mark(HthStr s) {
    size_t n = hth_unit_back(s), word = n;
    while (word < s.n && hth_is_letter(s.p[s.n - 1 - word])) word++;
    const size_t more = hth_unit_back(hth_str_sub(s, 0, s.n - word));
    if (word > n && is_tag(hth_str_sub(s, s.n - word - more, more))) n = word + more;
    return hth_str_sub(s, s.n - n, n);
}

/* Do the words of one mark stand in the other? <think> and </think> do. */
static bool paired(HthStr open, HthStr close) {
    for (size_t i = 0; i < open.n; i++) {
        if (!hth_is_letter(open.p[i])) continue;
        size_t n = 1;
        while (i + n < open.n && hth_is_letter(open.p[i + n])) n++;
        const HthStr word = hth_str_sub(open, i, n);
        if (n > 2 && hth_str_find(close, word) != SIZE_MAX) return true;
        i += n;
    }
    return false;
}

static HthStatus noise(HthTalk *t, HthStr s, HthErr *err) {
    s = hth_str_trim(s);
    if (s.n < 3 || t->noise_count == HTH_TALK_NOISE_MAX || has(s, hth_probe_name[0])) return HTH_OK;
    for (uint32_t i = 0; i < t->noise_count; i++)
        if (hth_str_eq(t->noise[i], s)) return HTH_OK;
    return hth_talk_keep(t, s, &t->noise[t->noise_count++], err);
}

static HthStatus known_pair(HthTalk *t, HthStr source, HthErr *err) {
    for (size_t i = 0; i < HTH_COUNT(PAIRS); i++) {
        if (!has(source, PAIRS[i][1])) continue;
        HTH_TRY(hth_talk_keep(t, hth_str(PAIRS[i][0]), &t->think_open, err));
        return hth_talk_keep(t, hth_str(PAIRS[i][1]), &t->think_close, err);
    }
    return HTH_OK;
}

void hth_talk_marks(const HthTalk *t, HthStr prompt, HthThinkCfg *out) {
    const bool to_self = t->shape == HTH_TALK_TAGGED; /* as talk_grammar.c */
    out->open = t->think_open;
    out->close = t->think_close;
    out->opened = t->think_open.n && hth_str_ends(hth_str_trim(prompt), t->think_open);
    out->anywhere = !hth_think_is_tag(t);
    if (!t->headers) return;
    out->open = to_self ? HTH_STR("to=self<|message|>") : HTH_STR("<|channel|>analysis<|message|>");
    out->close = to_self ? HTH_STR("<|eom|>") : HTH_STR("<|end|>");
    out->opened = false;
    out->anywhere = true;
}

HthStatus hth_talk_learn_think(HthTalk *t, const HthTalkProbe *p, HthStr source, HthErr *err) {
    const HthStr s = hth_probe_after(&p->thought), words = hth_probe_after(&p->words);
    const HthStr prompt = hth_probe_after(&p->prompt), thought = HTH_STR(HTH_PROBE_THOUGHT);
    const size_t at = hth_str_find(s, thought);
    if (at == SIZE_MAX) return known_pair(t, source, err);
    HthStr after = hth_str_sub(s, at + thought.n, s.n);
    const size_t said = hth_str_find(after, HTH_STR(HTH_PROBE_WORDS));
    after = hth_str_sub(after, 0, said == SIZE_MAX ? after.n : said);
    const HthStr rest = hth_str_trim(after), before = hth_str_sub(s, 0, at);
    const HthStr close = first_mark(rest);
    HthStr open = hth_str_trim(hth_str_sub(before, hth_unit_common(before, words, false), at));
    const HthStr mark = last_mark(hth_str_trim(before));
    if (hth_str_ends(mark, open) && paired(mark, close)) open = mark; /* also where it is empty */
    if (!open.n)
        open = hth_str_trim(hth_str_sub(prompt, hth_unit_common(prompt, before, false), prompt.n));
    if (!is_tag(hth_str_sub(close, 0, hth_unit_len(close))) || !open.n)
        return known_pair(t, source, err);
    HTH_TRY(hth_talk_keep(t, open, &t->think_open, err));
    HTH_TRY(hth_talk_keep(t, close, &t->think_close, err));
    if (said == SIZE_MAX) return HTH_OK;
    const HthStr then = hth_str_sub(rest, close.n, rest.n);
    if (hth_str_trim(then).n) HTH_TRY(hth_talk_keep(t, then, &t->think_then, err));
    return noise(t, then, err);
}

/* --- the rest --- */

/* What the template does with tools and does not show: known by its own words or by a token. */
static void unrendered(HthTalk *t, const HthTalkProbe *p, HthStr source) {
    if (t->shape != HTH_TALK_NOTHING ||
        hth_str_eq(hth_buf_str(&p->prompt), hth_buf_str(&p->untold)) || !p->prompt.n)
        return; /* it does not even tell of them */
    const HthStr start = HTH_STR("<|tool_call_start|>");
    if (has(source, "<|tool_call|>")) {
        t->shape = HTH_TALK_WRAPPED;
        t->list = true;
        t->section_open = HTH_STR("<|tool_call|>");
        t->list_open = HTH_STR("[");
        t->list_next = HTH_STR(", ");
        t->list_close = HTH_STR("]");
        t->key_name = HTH_STR("name");
        t->key_args = HTH_STR("arguments");
        t->item_text[0] = HTH_STR("{\"name\": \"");
        t->item_text[1] = HTH_STR("\", \"arguments\": ");
        t->item_text[2] = HTH_STR("}");
    } else if (t->vocab && hth_vocab_find(t->vocab, start) != HTH_TOKEN_NONE) {
        t->shape = HTH_TALK_PYTHON;
        t->section_open = HTH_STR("<|tool_call_start|>[");
        t->item_close = HTH_STR(", ");
        t->section_close = HTH_STR("]<|tool_call_end|>");
    }
    t->parallel = t->shape != HTH_TALK_NOTHING;
}

/* Marks that begin with the end of a reasoning nobody had: without it. */
static void without_thought(const HthTalk *t, HthStr *s) {
    const HthStr marks[] = { t->think_open, t->think_close };
    for (size_t i = 0; i < HTH_COUNT(marks); i++) {
        const size_t at = marks[i].n ? hth_str_find(*s, marks[i]) : SIZE_MAX;
        if (at != SIZE_MAX) *s = hth_str_sub(*s, at + marks[i].n, s->n);
    }
}

static void without_header(HthStr *s) {
    const HthStr mark = HTH_STR("<|message|>");
    for (size_t at; (at = hth_str_find(*s, mark)) != SIZE_MAX;)
        *s = hth_str_sub(*s, at + mark.n, s->n);
}

/* What ends a generation is never written: it is no part of a call. */
static void without_end(const HthTalk *t, HthStr *s) {
    const uint32_t id =
        t->vocab && s->n ? hth_vocab_find(t->vocab, hth_str_trim(*s)) : HTH_TOKEN_NONE;
    if (id != HTH_TOKEN_NONE && hth_vocab_is_end(t->vocab, id)) *s = (HthStr){ "", 0 };
}

static void name_it(HthTalk *t) {
    const HthStr marks[] = { t->section_open, t->item_open, t->mid, t->param_open };
    t->name = SHAPES[t->shape];
    if (t->shape == HTH_TALK_NOTHING && !t->headers) return;
    if (t->shape == HTH_TALK_WRAPPED && !t->section_open.n && !t->item_open.n) t->name = "llama3";
    for (size_t i = 0; i < HTH_COUNT(NAMES); i++)
        for (size_t m = 0; m < HTH_COUNT(marks); m++)
            if (has(marks[m], NAMES[i].mark)) {
                t->name = NAMES[i].name;
                return;
            }
}

static void headers(HthTalk *t, HthStr source) {
    t->headers =
        has(source, "<|message|>") && (has(source, "<|channel|>") || has(source, "to=self"));
    if (!t->headers) return;
    t->think_open = t->think_close = (HthStr){ "", 0 };
    t->noise_count = 0;
    without_header(&t->item_open);
    const size_t end = hth_str_find(t->item_close, HTH_STR("<|"));
    t->item_close = hth_str_sub(t->item_close, 0, end);
    t->section_open = t->section_close = t->lead = (HthStr){ "", 0 };
    t->parallel = true; /* a piece each */
}

HthStatus hth_talk_learn_rest(HthTalk *t, const HthTalkProbe *p, HthStr source, HthErr *err) {
    const HthStr words = hth_probe_after(&p->words), calls = hth_probe_after(&p->calls);
    const size_t said = hth_str_find(words, HTH_STR(HTH_PROBE_WORDS));
    unrendered(t, p, source);
    headers(t, source);
    name_it(t);
    if (t->headers && t->shape == HTH_TALK_NAMED) t->name = "harmony";
    HthStr *marks[] = { &t->section_open, &t->item_open, &t->lead };
    for (size_t i = 0; i < HTH_COUNT(marks); i++) without_thought(t, marks[i]);
    without_end(t, &t->section_close);
    t->find_section = hth_str_trim(t->section_open);
    t->find_item = hth_str_trim(t->item_open);
    t->find_item_close = hth_str_trim(t->item_close);
    t->find_section_close = hth_str_trim(t->section_close);
    if (t->shape != HTH_TALK_WRAPPED && !t->headers && t->find_section.n + t->find_item.n < 3) {
        t->shape = HTH_TALK_NOTHING; /* nothing would tell a call from words */
        t->name = SHAPES[0];
    }
    if (t->headers || said == SIZE_MAX) return HTH_OK;
    const HthStr prompt = hth_probe_after(&p->prompt);
    t->blank_lead = (said && words.p[said - 1] == ' ') ||
                    (hth_str_starts(words, prompt) && said > prompt.n &&
                     !hth_str_trim(hth_str_sub(words, prompt.n, said - prompt.n)).n);
    const HthStr other = t->shape != HTH_TALK_NOTHING ? calls : prompt;
    const size_t start = hth_unit_common(words, other, false);
    HthStr own = hth_str_sub(words, start, said - start);
    if (hth_str_eq(hth_str_sub(words, start - (start < t->find_item.n ? start : t->find_item.n),
                               t->find_item.n),
                   t->find_item) &&
        t->find_item.n) /* >>>all beside >>>name */
        own = hth_str_sub(words, start - t->find_item.n, own.n + t->find_item.n);
    without_thought(t, &own);
    if (!other.n || start > said) own.n = 0;
    const HthStr after = hth_str_sub(words, said + sizeof HTH_PROBE_WORDS - 1, words.n);
    const HthStr close = hth_str_sub(after, 0, hth_unit_len(after));
    HTH_TRY(noise(t, own, err));
    HTH_TRY(hth_talk_keep(t, own, &t->words_open, err));
    if (hth_str_trim(own).n && is_tag(close)) {
        HTH_TRY(noise(t, close, err));
        HTH_TRY(hth_talk_keep(t, close, &t->words_close, err));
    }
    if (hth_str_ends(t->think_then, hth_str_trim(own))) t->think_then.n -= hth_str_trim(own).n;
    for (uint32_t i = 0, n = t->noise_count; i < n; i++) /* the same without the words' own mark */
        if (own.n && hth_str_ends(t->noise[i], hth_str_trim(own)))
            HTH_TRY(
                noise(t, hth_str_sub(t->noise[i], 0, t->noise[i].n - hth_str_trim(own).n), err));
    return noise(t, t->lead, err);
}
