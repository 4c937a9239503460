/* think.c - see think.h.
 *
 * Marks are looked for in the text, byte by byte, in a window as long as a mark may be: a mark may
 * be one token or several, and begin within one.
 *
 * Thread: one owner. */
#include "text/think.h"

#include <string.h>

#include "base/mem.h"

enum {
    MARK_MAX = 64, /* bytes of a mark */
    IDS_MAX = 32, /* tokens of the closing mark */
    PATIENCE = 4 /* tokens past the limit without any certain text: half a character, say */
};

typedef enum ThinkState { THINK_BEFORE, THINK_IN, THINK_AFTER } ThinkState;

struct HthThink {
    uint32_t max, count; /* tokens of reasoning so far */
    ThinkState state;
    bool anywhere, certain; /* certain: the last token ended in whole text */
    char open[MARK_MAX], close[MARK_MAX], seen[MARK_MAX]; /* seen: the last bytes */
    size_t open_n, close_n, seen_n;
    uint32_t ids[IDS_MAX], id_count; /* of the closing mark */
    uint32_t at; /* of these, drawn one after another just now */
};

/* The closing mark as tokens. None where it cannot be drawn without ending the answer. */
static HthStatus find_ids(HthThink *t, HthStr close, const HthVocab *v, HthErr *err) {
    HthIds ids;
    hth_ids_init(&ids, IDS_MAX);
    HthStatus st = hth_vocab_encode(v, close, HTH_ENCODE_SPECIAL, &ids, err);
    bool ends = false;
    for (size_t i = 0; st == HTH_OK && i < ids.n; i++) {
        t->ids[i] = ids.p[i];
        ends = ends || hth_vocab_is_end(v, ids.p[i]);
    }
    if (st == HTH_OK && !ends) t->id_count = (uint32_t)ids.n;
    hth_ids_drop(&ids);
    return st;
}

HthStatus hth_think_open(HthThink **out, const HthThinkCfg *cfg, const HthVocab *v, HthErr *err) {
    *out = NULL;
    if (cfg->max == 0 || cfg->close.n == 0 || (cfg->open.n == 0 && !cfg->opened)) return HTH_OK;
    HTH_REQUIRE(
        cfg->open.n <= MARK_MAX && cfg->close.n <= MARK_MAX, err, HTH_ENOTSUP,
        "this model's marks around reasoning are longer than %d bytes, so that it cannot be "
        "limited",
        MARK_MAX);
    HthThink *t = hth_calloc(1, sizeof *t);
    HTH_REQUIRE(t, err, HTH_ENOMEM, "no memory for a limit to reasoning");
    t->max = cfg->max;
    t->anywhere = cfg->anywhere;
    t->state = cfg->opened ? THINK_IN : THINK_BEFORE;
    t->certain = true;
    t->open_n = cfg->open.n;
    t->close_n = cfg->close.n;
    if (t->open_n) memcpy(t->open, cfg->open.p, t->open_n);
    memcpy(t->close, cfg->close.p, t->close_n);
    const HthStatus st = find_ids(t, cfg->close, v, err);
    if (st != HTH_OK || t->id_count == 0)
        hth_think_close(&t);
    else
        *out = t;
    return st;
}

void hth_think_close(HthThink **think) {
    HthThink *t = *think;
    if (!t) return;
    hth_zero(t, sizeof *t);
    hth_free(t);
    *think = NULL;
}

static bool ends_with(const HthThink *t, const char *mark, size_t n) {
    return n > 0 && t->seen_n >= n && memcmp(t->seen + t->seen_n - n, mark, n) == 0;
}

/* Could what was seen become the opening mark, blanks before it left aside? */
static bool may_open(const HthThink *t) {
    size_t from = 0;
    while (from < t->seen_n && strchr(" \n\t\r", t->seen[from]) && t->seen[from]) from++;
    const size_t n = t->seen_n - from;
    return n <= t->open_n && memcmp(t->seen + from, t->open, n) == 0;
}

static void see(HthThink *t, char c) {
    if (t->seen_n == MARK_MAX) memmove(t->seen, t->seen + 1, --t->seen_n);
    t->seen[t->seen_n++] = c;
    if (t->state == THINK_IN && ends_with(t, t->close, t->close_n)) {
        t->state = t->anywhere ? THINK_BEFORE : THINK_AFTER;
        t->seen_n = 0;
    } else if (t->state == THINK_BEFORE && ends_with(t, t->open, t->open_n)) {
        t->state = THINK_IN;
        t->seen_n = 0;
    } else if (t->state == THINK_BEFORE && !t->anywhere && !may_open(t)) {
        t->state = THINK_AFTER; /* words have begun */
    }
}

void hth_think_put(HthThink *t, uint32_t id, HthStr text) {
    const bool due = hth_think_due(t) == id, was_in = t->state == THINK_IN;
    t->certain = text.n > 0;
    for (size_t i = 0; i < text.n; i++) see(t, text.p[i]);
    if (was_in && t->state == THINK_IN) t->count += t->count < UINT32_MAX;
    t->at = due && t->state == THINK_IN ? t->at + 1 : 0;
    if (t->at < t->id_count) return;
    t->at = 0; /* all of it was drawn, whatever text is still held back */
    t->state = t->anywhere ? THINK_BEFORE : THINK_AFTER;
    t->seen_n = 0;
}

uint32_t hth_think_due(const HthThink *t) {
    if (t->state != THINK_IN || t->count < t->max) return HTH_TOKEN_NONE;
    if (t->at == 0 && !t->certain && t->count - t->max < PATIENCE) return HTH_TOKEN_NONE;
    return t->ids[t->at];
}
