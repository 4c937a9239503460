/* item.c - see item.h.
 *
 * Thread: any. */
#include "eval/item.h"

#include <string.h>

enum { CHOICE_TEXT_MAX = 2 * HTH_EVAL_LINE_MAX, ITEM_TEXT_MAX = 1 << 26 };

const char *const hth_eval_styles[] = {
    "auto", "ending", "question", "bool", "blank", "pair", NULL
};

void hth_eval_item_init(HthEvalItem *item) {
    memset(item, 0, sizeof *item);
    hth_buf_init(&item->text, ITEM_TEXT_MAX);
}

void hth_eval_item_drop(HthEvalItem *item) {
    hth_buf_drop(&item->text);
}

/* ---- pieces of a line ---- */

/* A text member under the first of these names; false: none of them is a text. */
static bool text_of(const json_t *o, const char *const *names, HthStr *out) {
    for (; *names != NULL; names++) {
        const json_t *v = json_object_get(o, *names);
        if (!json_is_string(v)) continue;
        *out = (HthStr){ json_string_value(v), json_string_length(v) };
        return true;
    }
    return false;
}
#define TEXT_OF(o, out, ...) text_of((o), (const char *const[]){ __VA_ARGS__, NULL }, (out))

static HthStr string_of(const json_t *v) {
    return json_is_string(v) ? (HthStr){ json_string_value(v), json_string_length(v) }
                             : HTH_STR("");
}

/* The i-th choice: a list of texts, a list of {text, label}, or {text: [...], label: [...]}. */
static HthStr choice_at(const json_t *list, size_t i) {
    const json_t *v = json_is_object(list) ? json_array_get(json_object_get(list, "text"), i)
                                           : json_array_get(list, i);
    return string_of(json_is_object(v) ? json_object_get(v, "text") : v);
}

static HthStr name_at(const json_t *list, size_t i) {
    if (json_is_object(list)) return string_of(json_array_get(json_object_get(list, "label"), i));
    return string_of(json_object_get(json_array_get(list, i), "label"));
}

static size_t choices_in(const json_t *list) {
    return json_array_size(json_is_object(list) ? json_object_get(list, "text") : list);
}

/* The right one: a number from 0 ("label"), or a name ("answerKey") that the choices have; without
 * names A, B... or 1, 2... */
static bool find_label(const json_t *o, const json_t *list, size_t count, uint32_t *out) {
    const json_t *v = json_object_get(o, "label");
    HthStr key;
    uint64_t number;
    if (json_is_integer(v)) {
        number = (uint64_t)json_integer_value(v);
        *out = (uint32_t)number;
        return number < count;
    }
    if (json_is_string(v)) {
        *out = 0;
        if (!hth_str_u64(string_of(v), &number) || number >= count) return false;
        *out = (uint32_t)number;
        return true;
    }
    if (!TEXT_OF(o, &key, "answerKey", "answer") || key.n == 0) return false;
    for (size_t i = 0; i < count; i++)
        if (name_at(list, i).n > 0 && hth_str_eq(name_at(list, i), key)) {
            *out = (uint32_t)i;
            return true;
        }
    if (key.n == 1 && key.p[0] >= 'A' && (size_t)(key.p[0] - 'A') < count) {
        *out = (uint32_t)(key.p[0] - 'A');
        return true;
    }
    if (!hth_str_u64(key, &number) || number < 1 || number > count) return false;
    *out = (uint32_t)number - 1;
    return true;
}

/* ---- building ---- */

/* One more choice: `given` is what the model reads, `scored` what it is asked about. */
static HthStatus add(HthEvalItem *item, const HthStr *given, size_t givens, const HthStr *scored,
                     size_t scoreds, size_t own, HthErr *err) {
    HthEvalChoice *c = &item->choices[item->count];
    *c = (HthEvalChoice){ .at = item->text.n, .own = own };
    for (size_t i = 0; i < givens; i++) HTH_TRY(hth_buf_add_str(&item->text, given[i], err));
    c->context = item->text.n - c->at;
    for (size_t i = 0; i < scoreds; i++) HTH_TRY(hth_buf_add_str(&item->text, scored[i], err));
    c->all = item->text.n - c->at;
    HTH_REQUIRE(c->all <= CHOICE_TEXT_MAX, err, HTH_EFORMAT, "a choice is too long");
    HTH_REQUIRE(c->all > c->context && own > 0, err, HTH_EFORMAT, "choice %u is empty",
                item->count);
    item->count++;
    return HTH_OK;
}
#define PARTS(...)                                                                                 \
    (const HthStr[]){ __VA_ARGS__ }, sizeof((const HthStr[]){ __VA_ARGS__ }) / sizeof(HthStr)

static HthStatus check_count(size_t count, HthErr *err) {
    HTH_REQUIRE(count >= 2 && count <= HTH_EVAL_CHOICES_MAX, err, HTH_EFORMAT,
                "there are %zu choices; 2 to %d are taken", count, HTH_EVAL_CHOICES_MAX);
    return HTH_OK;
}

static HthStatus read_ending(HthEvalItem *item, const json_t *o, HthErr *err) {
    HthStr ctx, activity = HTH_STR(""), colon = HTH_STR("");
    const json_t *list = json_object_get(o, "endings");
    HTH_REQUIRE(TEXT_OF(o, &ctx, "ctx", "context", "query"), err, HTH_EFORMAT,
                "the text \"ctx\" is missing");
    HTH_TRY(check_count(choices_in(list), err));
    HTH_REQUIRE(find_label(o, list, choices_in(list), &item->label), err, HTH_EFORMAT,
                "\"label\" is missing, or is none of the endings");
    if (TEXT_OF(o, &activity, "activity_label")) colon = HTH_STR(": ");
    for (size_t i = 0; i < choices_in(list); i++) {
        const HthStr end = choice_at(list, i);
        HTH_TRY(add(item, PARTS(activity, colon, ctx), PARTS(HTH_STR(" "), end), end.n, err));
    }
    return HTH_OK;
}

static HthStatus read_question(HthEvalItem *item, const json_t *o, HthErr *err) {
    HthStr question;
    const json_t *list = json_object_get(o, "choices"), *nested = json_object_get(o, "question");
    bool found = TEXT_OF(o, &question, "question", "goal");
    if (json_is_object(nested)) { /* as AI2 publishes ARC */
        found = TEXT_OF(nested, &question, "stem");
        if (list == NULL) list = json_object_get(nested, "choices");
    }
    HTH_REQUIRE(found, err, HTH_EFORMAT, "the text \"question\" is missing");
    HTH_TRY(check_count(choices_in(list), err));
    HTH_REQUIRE(find_label(o, list, choices_in(list), &item->label), err, HTH_EFORMAT,
                "\"label\" or \"answerKey\" is missing, or is none of the choices");
    for (size_t i = 0; i < choices_in(list); i++) {
        const HthStr c = choice_at(list, i);
        HTH_TRY(add(item, PARTS(HTH_STR("Question: "), question, HTH_STR("\nAnswer:")),
                    PARTS(HTH_STR(" "), c), c.n, err));
    }
    return HTH_OK;
}

static HthStatus read_bool(HthEvalItem *item, const json_t *o, HthErr *err) {
    HthStr question, passage = HTH_STR(""), line = HTH_STR(""), mark = HTH_STR("?");
    const json_t *answer = json_object_get(o, "answer");
    HTH_REQUIRE(TEXT_OF(o, &question, "question"), err, HTH_EFORMAT,
                "the text \"question\" is missing");
    const bool yes = json_is_true(answer) || hth_str_eq(string_of(answer), HTH_STR("true")) ||
                     hth_str_eq(string_of(answer), HTH_STR("yes"));
    const bool no = json_is_false(answer) || hth_str_eq(string_of(answer), HTH_STR("false")) ||
                    hth_str_eq(string_of(answer), HTH_STR("no"));
    HTH_REQUIRE(yes || no, err, HTH_EFORMAT, "\"answer\" is neither true nor false");
    item->label = yes ? 0 : 1;
    if (TEXT_OF(o, &passage, "passage")) line = HTH_STR("\n");
    if (hth_str_ends(question, mark)) mark = HTH_STR("");
    for (int i = 0; i < 2; i++) {
        const HthStr word = i == 0 ? HTH_STR("yes") : HTH_STR("no");
        HTH_TRY(add(
            item, PARTS(passage, line, HTH_STR("Question: "), question, mark, HTH_STR("\nAnswer:")),
            PARTS(HTH_STR(" "), word), word.n, err));
    }
    return HTH_OK;
}

/* What stands before the blank differs; what follows it is what the model is asked about. */
static HthStatus read_blank(HthEvalItem *item, const json_t *o, HthErr *err) {
    HthStr sentence, options[2];
    const json_t *list = json_object_get(o, "choices");
    const bool listed = list != NULL;
    HTH_REQUIRE(TEXT_OF(o, &sentence, "sentence", "question"), err, HTH_EFORMAT,
                "the text \"sentence\" is missing");
    const size_t at = hth_str_find(sentence, HTH_STR("_"));
    HTH_REQUIRE(at != SIZE_MAX, err, HTH_EFORMAT, "the sentence has no _ to fill in");
    if (!listed)
        HTH_REQUIRE(TEXT_OF(o, &options[0], "option1") && TEXT_OF(o, &options[1], "option2"), err,
                    HTH_EFORMAT, "\"choices\", or \"option1\" and \"option2\", are missing");
    const size_t count = listed ? choices_in(list) : 2;
    HTH_TRY(check_count(count, err));
    HTH_REQUIRE(find_label(o, list, count, &item->label), err, HTH_EFORMAT,
                "\"label\" or \"answer\" is missing, or is none of the choices");
    const HthStr before = hth_str_sub(sentence, 0, at);
    const HthStr after = hth_str_sub(sentence, at + 1, SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        const HthStr c = listed ? choice_at(list, i) : options[i];
        HTH_REQUIRE(c.n > 0, err, HTH_EFORMAT, "choice %zu is empty", i);
        HTH_TRY(add(item, PARTS(before, c), PARTS(after), after.n, err));
    }
    return HTH_OK;
}

static HthStatus read_pair(HthEvalItem *item, const json_t *o, HthErr *err) {
    HthStr good, bad;
    HTH_REQUIRE(TEXT_OF(o, &good, "sentence_good") && TEXT_OF(o, &bad, "sentence_bad"), err,
                HTH_EFORMAT, "\"sentence_good\" or \"sentence_bad\" is missing");
    item->label = 0;
    HTH_TRY(add(item, NULL, 0, PARTS(good), good.n, err));
    return add(item, NULL, 0, PARTS(bad), bad.n, err);
}

/* ---- which is which ---- */

typedef HthStatus Reader(HthEvalItem *item, const json_t *o, HthErr *err);

/* In this order: the first whose members are there. */
static const struct Row {
    HthEvalStyle style;
    const char *members[2];
    Reader *read;
} ROWS[] = {
    { HTH_EVAL_ENDING, { "endings", NULL }, read_ending },
    { HTH_EVAL_PAIR, { "sentence_good", "sentence_bad" }, read_pair },
    { HTH_EVAL_BLANK, { "option1", "option2" }, read_blank },
    { HTH_EVAL_QUESTION, { "choices", NULL }, read_question },
    { HTH_EVAL_QUESTION, { "question", "answerKey" }, read_question },
    { HTH_EVAL_BOOL, { "question", "answer" }, read_bool },
};

static Reader *reader_of(const json_t *o, HthEvalStyle style) {
    for (size_t i = 0; i < HTH_COUNT(ROWS); i++) {
        const struct Row *r = &ROWS[i];
        if (style == HTH_EVAL_AUTO
                ? json_object_get(o, r->members[0]) != NULL &&
                      (r->members[1] == NULL || json_object_get(o, r->members[1]) != NULL)
                : style == r->style)
            return r->read;
    }
    return NULL;
}

/* A text, a whole number or a truth value; no control characters, so that a report can show it. */
static HthStatus read_group(const json_t *o, const char *member, char out[HTH_EVAL_GROUP_MAX + 1],
                            HthErr *err) {
    out[0] = '\0';
    if (member == NULL) return HTH_OK;
    const json_t *v = json_object_get(o, member);
    if (json_is_integer(v)) {
        snprintf(out, HTH_EVAL_GROUP_MAX + 1, "%lld", (long long)json_integer_value(v));
        return HTH_OK;
    }
    if (json_is_boolean(v)) {
        snprintf(out, HTH_EVAL_GROUP_MAX + 1, "%s", json_is_true(v) ? "true" : "false");
        return HTH_OK;
    }
    const HthStr s = string_of(v);
    HTH_REQUIRE(s.n > 0, err, HTH_EFORMAT, "the member that --group names is missing or no text");
    HTH_REQUIRE(s.n <= HTH_EVAL_GROUP_MAX, err, HTH_EFORMAT,
                "the name of its group is longer than %d bytes", HTH_EVAL_GROUP_MAX);
    for (size_t i = 0; i < s.n; i++)
        HTH_REQUIRE((unsigned char)s.p[i] >= 32 && s.p[i] != 127, err, HTH_EFORMAT,
                    "the name of its group has a control character");
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return HTH_OK;
}

static HthStatus parse(json_t **out, HthStr line, HthErr *err) {
    json_t *o = NULL;
    HTH_TRY(hth_json_parse(&o, line, HTH_EVAL_LINE_MAX, err));
    if (!json_is_object(o)) {
        json_decref(o);
        return HTH_FAIL(err, HTH_EFORMAT, "this is no JSON object");
    }
    *out = o;
    return HTH_OK;
}

HthStatus hth_eval_item_read(HthEvalItem *item, HthStr line, HthEvalStyle style, const char *group,
                             HthErr *err) {
    json_t *o = NULL;
    hth_buf_clear(&item->text);
    item->count = item->label = 0;
    HTH_TRY(parse(&o, line, err));
    Reader *read = reader_of(o, style);
    HthStatus st = read != NULL ? read(item, o, err)
                                : HTH_FAIL(err, HTH_EFORMAT,
                                           "this is none of the known kinds of question; --style "
                                           "says which it is");
    if (st == HTH_OK) st = read_group(o, group, item->group, err);
    json_decref(o);
    return st;
}

HthStatus hth_eval_text_read(json_t **owner, HthStr *text, char group[HTH_EVAL_GROUP_MAX + 1],
                             HthStr line, const char *member, HthErr *err) {
    json_t *o = NULL;
    HTH_TRY(parse(&o, line, err));
    HthStatus st = TEXT_OF(o, text, "text")
                       ? read_group(o, member, group, err)
                       : HTH_FAIL(err, HTH_EFORMAT, "the text \"text\" is missing");
    if (st == HTH_OK)
        *owner = o;
    else
        json_decref(o);
    return st;
}
