/* plan.c - see plan.h.
 *
 * Thread: one owner. */
#include "eval/plan.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/name.h"

enum { IDS_MAX = 1 << 28, FILE_BYTES_MAX = 1 << 30, UNITS_MAX = 1 << 24, SEGMENTS_MAX = 1 << 26 };

void hth_eval_plan_init(HthEvalPlan *plan) {
    memset(plan, 0, sizeof *plan);
    hth_ids_init(&plan->ids, IDS_MAX);
}

void hth_eval_plan_drop(HthEvalPlan *plan) {
    for (size_t i = 0; i < plan->group_count; i++) hth_free(plan->groups[i]);
    for (size_t i = 0; i < plan->input_count; i++) hth_free(plan->inputs[i].name);
    hth_free(plan->groups);
    hth_free(plan->segments);
    hth_free(plan->units);
    hth_ids_drop(&plan->ids);
    memset(plan, 0, sizeof *plan);
}

/* ---- adding to the lists ---- */

static HthStatus more(void **list, size_t *room, size_t used, size_t size, size_t max,
                      HthErr *err) {
    if (used < *room) return HTH_OK;
    HTH_REQUIRE(used < max, err, HTH_ELIMIT, "there are more than %zu pieces to compute", max);
    const size_t want = *room ? 2 * *room : 64;
    void *grown = hth_realloc(*list, want, size);
    HTH_REQUIRE(grown != NULL, err, HTH_ENOMEM, "out of memory for the plan of an evaluation");
    *list = grown;
    *room = want;
    return HTH_OK;
}

static HthStatus add_group(HthEvalPlan *p, const char *name, uint32_t *out, HthErr *err) {
    for (size_t i = 0; i < p->group_count; i++)
        if (strcmp(p->groups[i], name) == 0) {
            *out = (uint32_t)i;
            return HTH_OK;
        }
    HTH_REQUIRE(p->group_count < HTH_EVAL_GROUPS_MAX, err, HTH_ELIMIT,
                "there are more than %d groups", HTH_EVAL_GROUPS_MAX);
    if (p->groups == NULL) p->groups = hth_calloc(HTH_EVAL_GROUPS_MAX, sizeof *p->groups);
    char *copy = p->groups != NULL ? hth_strdup(name) : NULL;
    HTH_REQUIRE(copy != NULL, err, HTH_ENOMEM, "out of memory for the name of a group");
    *out = (uint32_t)p->group_count;
    p->groups[p->group_count++] = copy;
    return HTH_OK;
}

static HthStatus add_unit(HthEvalPlan *p, const HthEvalUnit *unit, HthErr *err) {
    void *list = p->units;
    const HthStatus st =
        more(&list, &p->unit_room, p->unit_count, sizeof *p->units, UNITS_MAX, err);
    p->units = list;
    HTH_TRY(st);
    p->units[p->unit_count] = *unit;
    p->units[p->unit_count++].segment = (uint32_t)p->segment_count;
    return HTH_OK;
}

/* Of the newest unit: given and scored tokens, from ids. bos: HTH_TOKEN_NONE for none. */
static HthStatus add_segment(HthEvalPlan *p, uint32_t bos, const uint32_t *ids, size_t n,
                             size_t first, size_t own, HthErr *err) {
    void *list = p->segments;
    const HthStatus st =
        more(&list, &p->segment_room, p->segment_count, sizeof *p->segments, SEGMENTS_MAX, err);
    p->segments = list;
    HTH_TRY(st);
    HthEvalSegment s = { .at = p->ids.n, .row = p->rows, .own = (uint32_t)own };
    s.unit = (uint32_t)(p->unit_count - 1);
    const uint32_t lead = bos != HTH_TOKEN_NONE;
    if (lead) HTH_TRY(hth_ids_add(&p->ids, bos, err));
    for (size_t i = 0; i < n; i++) HTH_TRY(hth_ids_add(&p->ids, ids[i], err));
    s.n = (uint32_t)n + lead;
    s.first = (uint32_t)first + lead;
    HTH_ASSERT(s.first > 0 && s.first < s.n);
    p->segments[p->segment_count++] = s;
    p->units[s.unit].segments++;
    p->rows += hth_eval_scored(&s);
    if (s.n > p->longest) p->longest = s.n;
    return HTH_OK;
}

static uint32_t bos_of(const HthVocab *v) {
    return hth_vocab_add_bos(v) ? hth_vocab_bos(v) : HTH_TOKEN_NONE;
}

/* ---- a text ---- */

/* Every token is scored once, with as much before it as the window has room for; where the model
 * has no token to begin with, the very first one is not. */
static HthStatus cut_text(HthEvalPlan *p, const HthEvalCut *cut, const HthIds *ids, HthErr *err) {
    const uint32_t bos = bos_of(cut->vocab);
    const size_t room = cut->ctx - (bos != HTH_TOKEN_NONE);
    size_t from = bos != HTH_TOKEN_NONE ? 0 : 1;
    for (size_t to; from < ids->n; from = to) {
        to = from <= 1 ? room : from + cut->stride;
        if (to > ids->n) to = ids->n;
        const size_t at = to > room ? to - room : 0;
        HTH_TRY(add_segment(p, bos, ids->p + at, to - at, from - at, 0, err));
    }
    return HTH_OK;
}

static HthStatus add_text(HthEvalPlan *p, const HthEvalCut *cut, HthStr text, const char *group,
                          HthErr *err) {
    HthEvalUnit unit = { .bytes = text.n };
    HthIds ids;
    hth_ids_init(&ids, IDS_MAX);
    HthStatus st = add_group(p, group, &unit.group, err);
    if (st == HTH_OK) st = hth_vocab_encode(cut->vocab, text, 0, &ids, err);
    if (st == HTH_OK && ids.n > 1 && bos_of(cut->vocab) == HTH_TOKEN_NONE) {
        HthBuf piece; /* what the first token stands for is not asked about */
        hth_buf_init(&piece, HTH_EVAL_LINE_MAX);
        st = hth_vocab_decode(cut->vocab, ids.p, 1, true, &piece, err);
        unit.bytes -= piece.n < text.n ? piece.n : text.n;
        hth_buf_drop(&piece);
    }
    if (st == HTH_OK) st = add_unit(p, &unit, err);
    if (st == HTH_OK) st = cut_text(p, cut, &ids, err);
    if (st == HTH_OK && p->units[p->unit_count - 1].segments == 0) p->unit_count--;
    hth_ids_drop(&ids);
    return st;
}

/* ---- an item ---- */

static HthStatus encode(const HthEvalCut *cut, HthStr text, HthIds *ids, HthErr *err) {
    ids->n = 0;
    return hth_vocab_encode(cut->vocab, text, 0, ids, err);
}

static size_t same_begin(const HthIds *a, const HthIds *b) {
    size_t n = 0;
    while (n < a->n && n < b->n && a->p[n] == b->p[n]) n++;
    return n;
}

/* Where scoring begins: where the tokens of the whole leave those of what is given. Given the same
 * text, all choices begin at the same token, so that they are answers to the same question. */
static HthStatus firsts(const HthEvalCut *cut, const HthEvalItem *item, HthIds *all, HthIds *given,
                        size_t *first, HthErr *err) {
    bool same = true;
    size_t least = SIZE_MAX;
    for (uint32_t i = 0; i < item->count; i++) {
        const HthEvalChoice *c = &item->choices[i], *c0 = &item->choices[0];
        const char *text = item->text.p + c->at;
        HTH_TRY(encode(cut, (HthStr){ text, c->all }, all, err));
        HTH_TRY(encode(cut, (HthStr){ text, c->context }, given, err));
        first[i] = same_begin(all, given);
        if (first[i] == all->n && first[i] > 0) first[i]--;
        if (first[i] < least) least = first[i];
        same &= c->context == c0->context && memcmp(text, item->text.p + c0->at, c->context) == 0;
    }
    for (uint32_t i = 0; same && i < item->count; i++) first[i] = least;
    return HTH_OK;
}

/* What comes before the first scored token, where nothing else does. */
static uint32_t begin_of(const HthVocab *v, bool needed) {
    uint32_t bos = bos_of(v);
    if (bos == HTH_TOKEN_NONE && needed) bos = hth_vocab_bos(v);
    if (bos == HTH_TOKEN_NONE && needed) bos = hth_vocab_eos(v);
    return bos;
}

static HthStatus cut_item(HthEvalPlan *p, const HthEvalCut *cut, const HthEvalItem *item,
                          const char *group, HthIds *all, HthIds *given, HthErr *err) {
    size_t first[HTH_EVAL_CHOICES_MAX];
    bool needed = false;
    HthEvalUnit unit = { .label = item->label };
    HTH_TRY(add_group(p, group, &unit.group, err));
    HTH_TRY(firsts(cut, item, all, given, first, err));
    for (uint32_t i = 0; i < item->count; i++) needed |= first[i] == 0;
    const uint32_t bos = begin_of(cut->vocab, needed);
    HTH_REQUIRE(!needed || bos != HTH_TOKEN_NONE, err, HTH_ENOTSUP,
                "nothing is given before the choices, and the model has no token to begin with");
    HTH_TRY(add_unit(p, &unit, err));
    for (uint32_t i = 0; i < item->count; i++) {
        const HthEvalChoice *c = &item->choices[i];
        HTH_TRY(encode(cut, (HthStr){ item->text.p + c->at, c->all }, all, err));
        HTH_REQUIRE(all->n > first[i], err, HTH_EFORMAT, "choice %u gives no token", i);
        HTH_REQUIRE(all->n + (bos != HTH_TOKEN_NONE) <= cut->ctx, err, HTH_ELIMIT,
                    "choice %u needs %zu tokens, --ctx is %u", i, all->n + (bos != HTH_TOKEN_NONE),
                    cut->ctx);
        HTH_TRY(add_segment(p, bos, all->p, all->n, first[i], c->own, err));
    }
    return HTH_OK;
}

/* ---- files ---- */

typedef struct Lines {
    HthEvalPlan *plan;
    const HthEvalCut *cut;
    const char *path;
    char group[HTH_EVAL_GROUP_MAX + 1]; /* of lines that name none */
    HthEvalItem item;
    HthIds all, given;
} Lines;

static HthStatus one_item(Lines *l, HthStr line, HthErr *err) {
    HTH_TRY(hth_eval_item_read(&l->item, line, l->cut->style, l->cut->group, err));
    return cut_item(l->plan, l->cut, &l->item, l->item.group[0] ? l->item.group : l->group, &l->all,
                    &l->given, err);
}

static HthStatus one_text(Lines *l, HthStr line, HthErr *err) {
    json_t *owner = NULL;
    HthStr text;
    char group[HTH_EVAL_GROUP_MAX + 1];
    HTH_TRY(hth_eval_text_read(&owner, &text, group, line, l->cut->group, err));
    const HthStatus st = add_text(l->plan, l->cut, text, group[0] ? group : l->group, err);
    json_decref(owner);
    return st;
}

/* The sentence again, with where it is true. */
static HthStatus at_line(HthStatus st, const char *path, size_t line, HthErr *err) {
    if (st == HTH_OK || st == HTH_ENOMEM || err == NULL) return st;
    char why[sizeof err->text];
    snprintf(why, sizeof why, "%s", err->text);
    return HTH_FAIL(err, st, "%.150s, line %zu: %s", path, line, why);
}

static HthStatus each_line(Lines *l, HthStr text, HthStatus (*one)(Lines *, HthStr, HthErr *),
                           HthErr *err) {
    uint32_t taken = 0;
    if (hth_str_starts(text, HTH_STR("\xef\xbb\xbf"))) text = hth_str_sub(text, 3, SIZE_MAX);
    for (size_t number = 1; text.n > 0; number++) {
        const size_t end = hth_str_find(text, HTH_STR("\n"));
        const HthStr line = hth_str_trim(hth_str_sub(text, 0, end));
        text = end == SIZE_MAX ? HTH_STR("") : hth_str_sub(text, end + 1, SIZE_MAX);
        if (line.n == 0) continue;
        if (l->cut->limit != 0 && taken == l->cut->limit) break;
        const HthStatus st =
            line.n <= HTH_EVAL_LINE_MAX
                ? one(l, line, err)
                : HTH_FAIL(err, HTH_EFORMAT, "the line is longer than %d bytes", HTH_EVAL_LINE_MAX);
        HTH_TRY(at_line(st, l->path, number, err));
        taken++;
    }
    HTH_REQUIRE(taken > 0, err, HTH_EFORMAT, "%.150s: no line in it", l->path);
    return HTH_OK;
}

static HthStatus add_input(HthEvalPlan *p, const char *path, HthStr bytes, HthErr *err) {
    HTH_REQUIRE(p->input_count < HTH_EVAL_INPUTS_MAX, err, HTH_ELIMIT,
                "more than %d files to evaluate on", HTH_EVAL_INPUTS_MAX);
    HthEvalInput *in = &p->inputs[p->input_count];
    *in = (HthEvalInput){ .name = hth_strdup(hth_path_name(path)), .bytes = bytes.n };
    HTH_REQUIRE(in->name != NULL, err, HTH_ENOMEM, "out of memory for the name of a file");
    hth_hash(HTH_SHA256, bytes.p, bytes.n, in->sha256);
    p->input_count++;
    return HTH_OK;
}

static HthStatus read_input(HthEvalPlan *p, const char *path, HthBuf *buf, HthErr *err) {
    hth_buf_init(buf, FILE_BYTES_MAX);
    HthStatus st = hth_file_read(buf, path, err);
    if (st == HTH_OK) st = add_input(p, path, hth_buf_str(buf), err);
    return st;
}

/* A file's name without folder and ending, as far as a group's name goes. */
static void group_of(char out[HTH_EVAL_GROUP_MAX + 1], const char *path) {
    const char *name = hth_path_name(path), *dot = strrchr(name, '.');
    HthStr s = { name, dot != NULL && dot != name ? (size_t)(dot - name) : strlen(name) };
    s = hth_str_sub(s, 0, HTH_EVAL_GROUP_MAX);
    s.n = hth_utf8_whole(s);
    for (size_t i = 0; i < s.n; i++)
        out[i] = (unsigned char)s.p[i] >= 32 && s.p[i] != 127 ? s.p[i] : '?';
    out[s.n] = '\0';
    if (s.n == 0) memcpy(out, "text", 5);
}

static HthStatus read_lines(HthEvalPlan *p, const HthEvalCut *cut, const char *path, HthStr text,
                            HthStatus (*one)(Lines *, HthStr, HthErr *), HthErr *err) {
    Lines l = { .plan = p, .cut = cut, .path = path };
    group_of(l.group, path);
    hth_eval_item_init(&l.item);
    hth_ids_init(&l.all, IDS_MAX);
    hth_ids_init(&l.given, IDS_MAX);
    const HthStatus st = each_line(&l, text, one, err);
    hth_eval_item_drop(&l.item);
    hth_ids_drop(&l.all);
    hth_ids_drop(&l.given);
    return st;
}

HthStatus hth_eval_plan_text(HthEvalPlan *plan, const HthEvalCut *cut, const char *path,
                             HthErr *err) {
    HthBuf buf;
    char group[HTH_EVAL_GROUP_MAX + 1];
    HTH_ASSERT(cut->stride > 0 && cut->stride < cut->ctx);
    HthStatus st = read_input(plan, path, &buf, err);
    if (st == HTH_OK && hth_str_ends(hth_str(path), HTH_STR(".jsonl"))) {
        st = read_lines(plan, cut, path, hth_buf_str(&buf), one_text, err);
    } else if (st == HTH_OK && (cut->group != NULL || cut->limit != 0)) {
        st = HTH_FAIL(err, HTH_EINVAL,
                      "%.150s is one text: --group and --limit are for lines of "
                      "JSON (.jsonl)",
                      path);
    } else if (st == HTH_OK) {
        group_of(group, path);
        st = add_text(plan, cut, hth_buf_str(&buf), group, err);
    }
    hth_buf_drop(&buf);
    return st;
}

HthStatus hth_eval_plan_choice(HthEvalPlan *plan, const HthEvalCut *cut, const char *path,
                               HthErr *err) {
    HthBuf buf;
    plan->choice = true;
    HthStatus st = read_input(plan, path, &buf, err);
    if (st == HTH_OK) st = read_lines(plan, cut, path, hth_buf_str(&buf), one_item, err);
    hth_buf_drop(&buf);
    return st;
}

/* ---- the end ---- */

static void add_number(HthHash *h, uint64_t v) {
    uint8_t b[8];
    for (int i = 0; i < 8; i++) b[i] = (uint8_t)(v >> 8 * i);
    hth_hash_add(h, b, sizeof b);
}

HthStatus hth_eval_plan_end(HthEvalPlan *plan, HthErr *err) {
    HthHash h = { 0 };
    HTH_REQUIRE(plan->rows > 0, err, HTH_EFORMAT, "there is no token to score in what was given");
    HTH_TRY(hth_hash_begin(&h, HTH_SHA256, err));
    add_number(&h, plan->segment_count);
    for (size_t i = 0; i < plan->segment_count; i++) {
        const HthEvalSegment *s = &plan->segments[i];
        add_number(&h, s->n);
        add_number(&h, s->first);
        for (uint32_t k = 0; k < s->n; k++) add_number(&h, plan->ids.p[s->at + k]);
    }
    hth_hash_end(&h, plan->digest);
    return HTH_OK;
}
