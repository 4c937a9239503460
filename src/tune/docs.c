/* docs.c - corpus files into documents; chats into the chat format. See docs.h.
 *
 * What is left out: documents that are very short, mostly not ASCII, or hold a string of the
 * recipe's drop list; chat documents longer than the source allows. */
#include "tune/docs.h"

#include <glob.h>
#include <string.h>

#include "base/file.h"

enum { LINE_JSON_MAX = 1 << 22, TEXT_BYTES_MIN = 80, ASCII_PERCENT_MIN = 90 };
static const size_t FILE_BYTES_MAX = (size_t)1 << 30;

typedef struct Docs {
    const HthRecipe *r;
    const HthSource *s;
    HthDocFn *fn;
    void *ctx;
    HthBuf doc; /* being built */
    HthErr *err;
} Docs;

static bool wanted(const Docs *d, HthStr doc) {
    size_t i, ascii = 0;
    const json_t *word;
    for (i = 0; i < doc.n; i++) ascii += (uint8_t)doc.p[i] < 0x80;
    if (ascii * 100 < doc.n * ASCII_PERCENT_MIN || !hth_utf8_valid(doc)) return false;
    json_array_foreach(d->r->drop, i, word) {
        if (hth_str_find(doc, hth_str(json_string_value(word))) != SIZE_MAX) return false;
    }
    return true;
}

static HthStatus emit(Docs *d) {
    HthStr doc = hth_buf_str(&d->doc);
    HthStatus status = HTH_OK;
    if (doc.n && wanted(d, doc)) status = d->fn(d->ctx, doc, d->err);
    hth_buf_clear(&d->doc);
    return status;
}

/* The next line without its end; false at the end of the text. */
static bool next_line(HthStr *rest, HthStr *line_out) {
    if (!rest->n) return false;
    size_t n = hth_str_find(*rest, HTH_STR("\n"));
    if (n == SIZE_MAX) n = rest->n;
    *line_out = hth_str_sub(*rest, 0, n);
    *rest = hth_str_sub(*rest, n + 1, rest->n);
    if (hth_str_ends(*line_out, HTH_STR("\r"))) line_out->n--;
    return true;
}

/* ---- text ---- */

static HthStatus parse_text(Docs *d, HthStr rest) {
    HthStr line;
    bool full = false; /* the document reached its ceiling: the rest is skipped */
    while (next_line(&rest, &line)) {
        if (!hth_str_trim(line).n) {
            if (d->doc.n < TEXT_BYTES_MIN) hth_buf_clear(&d->doc);
            HTH_TRY(emit(d));
            full = false;
            continue;
        }
        full = full || d->doc.n + line.n > d->s->bytes_max;
        if (full) continue;
        HTH_TRY(hth_buf_add_str(&d->doc, line, d->err));
        HTH_TRY(hth_buf_add_char(&d->doc, '\n', d->err));
    }
    if (d->doc.n < TEXT_BYTES_MIN) hth_buf_clear(&d->doc);
    return emit(d);
}

/* ---- chats ---- */

static HthStatus add_turn(Docs *d, const char *role, HthStr text) {
    return hth_buf_printf(&d->doc, d->err, "<|im_start|>%s\n%.*s<|im_end|>\n", role,
                          HTH_STR_ARG(text));
}

static HthStatus emit_chat(Docs *d) {
    if (d->doc.n > d->s->bytes_max) hth_buf_clear(&d->doc);
    return emit(d);
}

typedef struct Speaker {
    const char *tag;
    bool assistant;
} Speaker;

static const Speaker SPEAKERS[] = { { "User: ", false },    { "Assistant: ", true },
                                    { "A: ", false },       { "B: ", true },
                                    { "Patient: ", false }, { "Doctor: ", true } };

/* Whole exchanges only: a turn of the user waits in `said` until it is answered. */
static HthStatus parse_dialogue(Docs *d, HthStr rest) {
    HthStr line, said = { 0 };
    while (next_line(&rest, &line)) {
        const Speaker *who = NULL;
        for (size_t i = 0; i < HTH_COUNT(SPEAKERS) && !who; i++)
            if (hth_str_starts(line, hth_str(SPEAKERS[i].tag))) who = &SPEAKERS[i];
        if (!who) { /* blank, or a summary: the conversation ends */
            HTH_TRY(emit(d));
            said.n = 0;
            continue;
        }
        HthStr words = hth_str_trim(hth_str_sub(line, strlen(who->tag), line.n));
        if (!who->assistant) {
            said = words;
            continue;
        }
        if (!said.n || !words.n) continue;
        if (d->doc.n + said.n + words.n > d->s->bytes_max) HTH_TRY(emit(d));
        if (said.n + words.n <= d->s->bytes_max) {
            HTH_TRY(add_turn(d, "user", said));
            HTH_TRY(add_turn(d, "assistant", words));
        }
        said.n = 0;
    }
    return emit(d);
}

static HthStr text_of(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    return (HthStr){ json_string_value(v), json_string_length(v) };
}

static HthStatus chat_line(Docs *d, const json_t *o) {
    const json_t *messages = json_object_get(o, "messages"), *m;
    size_t i;
    json_array_foreach(messages, i, m) {
        const char *role = json_string_value(json_object_get(m, "role"));
        HTH_REQUIRE(role, d->err, HTH_EFORMAT, "source %s: a message without a role", d->s->name);
        HTH_TRY(add_turn(d, role, hth_str_trim(text_of(m, "content"))));
    }
    HthStr ask = text_of(o, "instruction"), with = text_of(o, "input"),
           answer = text_of(o, "output");
    if (!messages && ask.n && answer.n) {
        HTH_TRY(hth_buf_printf(&d->doc, d->err, "<|im_start|>user\n%.*s%s%.*s<|im_end|>\n",
                               HTH_STR_ARG(ask), with.n ? "\n\n" : "", (int)with.n,
                               with.n ? with.p : ""));
        HTH_TRY(add_turn(d, "assistant", hth_str_trim(answer)));
    }
    return emit_chat(d);
}

static HthStatus parse_chat(Docs *d, HthStr rest) {
    HthStr line;
    while (next_line(&rest, &line)) {
        if (!hth_str_trim(line).n) continue;
        json_t *o = NULL;
        HTH_TRY(hth_json_parse(&o, line, LINE_JSON_MAX, d->err));
        HthStatus status = chat_line(d, o);
        json_decref(o);
        HTH_TRY(status);
    }
    return HTH_OK;
}

static HthStatus parse_pairs(Docs *d, HthStr rest) {
    HthStr line;
    while (next_line(&rest, &line)) {
        size_t tab = hth_str_find(line, HTH_STR("\t"));
        if (tab == SIZE_MAX) continue;
        HTH_TRY(add_turn(d, "user", hth_str_trim(hth_str_sub(line, 0, tab))));
        HTH_TRY(add_turn(d, "assistant", hth_str_trim(hth_str_sub(line, tab + 1, line.n))));
        HTH_TRY(emit_chat(d));
    }
    return HTH_OK;
}

/* ---- files ---- */

static HthStatus (*const PARSE[])(Docs *d, HthStr rest) = {
    [HTH_DOC_TEXT] = parse_text,
    [HTH_DOC_DIALOGUE] = parse_dialogue,
    [HTH_DOC_CHAT] = parse_chat,
    [HTH_DOC_PAIRS] = parse_pairs,
};

HthStatus hth_docs_parse(const HthRecipe *r, const HthSource *s, HthStr bytes, HthDocFn *fn,
                         void *ctx, HthErr *err) {
    Docs d = { .r = r, .s = s, .fn = fn, .ctx = ctx, .err = err };
    hth_buf_init(&d.doc, FILE_BYTES_MAX);
    HthStatus status = PARSE[s->form](&d, bytes);
    hth_buf_drop(&d.doc);
    return status;
}

static HthStatus parse_file(const HthRecipe *r, const HthSource *s, const char *path, HthDocFn *fn,
                            void *ctx, HthErr *err) {
    HthFileMap map = { 0 };
    HTH_TRY(hth_file_map(&map, path, err));
    HthStatus status =
        hth_docs_parse(r, s, (HthStr){ (const char *)map.data, map.n }, fn, ctx, err);
    hth_file_unmap(&map);
    return status;
}

HthStatus hth_docs_each(const HthRecipe *r, const HthSource *s, const char *corpus, HthDocFn *fn,
                        void *ctx, HthErr *err) {
    const bool own = !strncmp(s->files, "./", 2);
    HthBuf pattern;
    glob_t found = { 0 };
    hth_buf_init(&pattern, 1 << 16);
    HthStatus status = hth_buf_printf(&pattern, err, "%s/%s", own ? r->dir : corpus, s->files);
    if (status == HTH_OK && glob(pattern.p, 0, NULL, &found) != 0)
        status = HTH_FAIL(err, HTH_EIO, "source %s: no file matches its pattern", s->name);
    for (size_t i = 0; status == HTH_OK && i < found.gl_pathc; i++)
        status = parse_file(r, s, found.gl_pathv[i], fn, ctx, err);
    globfree(&found);
    hth_buf_drop(&pattern);
    return status;
}
