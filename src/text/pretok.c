/* pretok.c - runs a pre-tokenizer's stages: PCRE2 over class text or UTF-8, and two digit rules.
 *
 * Patterns come from our own table, never from a file; the text is hostile.  Every stage sees each
 * piece as a subject of its own, so anchors and look-ahead end where the piece ends.
 *
 * Thread: immutable after open; split may run on many threads at once. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/pretok.h"

#include <pcre2.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "text/unicode.h"

enum { STAGES_MAX = 8 };

struct HthPretok {
    const HthPre *pre;
    pcre2_general_context *gctx;
    pcre2_code *code[STAGES_MAX]; /* NULL for the digit rules */
};

static void *lend(PCRE2_SIZE n, void *unused) {
    (void)unused;
    return hth_calloc(1, n);
}

static void take_back(void *p, void *unused) {
    (void)unused;
    hth_free(p);
}

/* The members of each named class, as they stand inside [...]. */
static const struct {
    const char *name, *members;
} CLASSES[] = {
    { "L", "A-Za-z\xC2\xC6" }, { "N", "0-9\xC1" },      { "P", "!-#%-*,-/:;?@\\[-\\]_{}\xC3" },
    { "M", "\xC4" },           { "S", "$+<->^`|\xC5" }, { "Up", "A-Z\xC2\xC6" },
    { "Low", "a-z\xC2\xC6" },  { "Han", "\xC6\xC7" },   { "NotHan", "A-Za-z\xC2" },
};
_Static_assert(HTH_UNI_NUMBER == 0xC1 && HTH_UNI_HAN_GAP == 0xC7, "CLASSES spells these out");

/* Writes a table pattern with its \p{..} names replaced by class bytes. */
static HthStatus expand(const char *pattern, HthBuf *out, HthErr *err) {
    bool inside = false;
    for (const char *p = pattern; *p; p++) {
        if (p[0] == '\\' && p[1] == 'p') {
            const char *name = p + 3, *end = strchr(name, '}');
            size_t i = 0;
            HTH_ASSERT(end);
            HthStr wanted = { name, (size_t)(end - name) };
            while (i < HTH_COUNT(CLASSES) && !hth_str_eq(wanted, hth_str(CLASSES[i].name))) i++;
            HTH_ASSERT(i < HTH_COUNT(CLASSES));
            HTH_TRY(hth_buf_printf(out, err, inside ? "%s" : "[%s]", CLASSES[i].members));
            p = end;
            continue;
        }
        if (p[0] == '\\') {
            HTH_TRY(hth_buf_add_char(out, *p++, err));
        } else if (*p == '[' || *p == ']') {
            inside = *p == '[';
        }
        HTH_TRY(hth_buf_add_char(out, *p, err));
    }
    return HTH_OK;
}

static HthStatus compile(HthPretok *p, size_t i, HthErr *err) {
    const HthStage *stage = &p->pre->stages[i];
    uint32_t options = PCRE2_DOLLAR_ENDONLY | (stage->kind == HTH_STAGE_WIDE ? PCRE2_UTF : 0);
    HthBuf text;
    HthStatus status = HTH_OK;
    hth_buf_init(&text, 1 << 16);
    if (stage->kind == HTH_STAGE_CLASS) {
        status = expand(stage->pattern, &text, err);
    } else {
        status = hth_buf_add_str(&text, hth_str(stage->pattern), err);
    }
    pcre2_compile_context *cctx = NULL;
    if (status == HTH_OK) {
        int code = 0;
        PCRE2_SIZE at = 0;
        cctx = pcre2_compile_context_create(p->gctx);
        if (cctx) {
            p->code[i] = pcre2_compile((PCRE2_SPTR)text.p, text.n, options, &code, &at, cctx);
        }
        HTH_ASSERT(p->code[i] || !cctx || code == PCRE2_ERROR_HEAP_FAILED);
        if (!p->code[i]) {
            status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for the pre-tokenizer's patterns");
        }
    }
    /* Where the system forbids writing code at run time this fails, and matching interprets. */
    if (status == HTH_OK) (void)pcre2_jit_compile(p->code[i], PCRE2_JIT_COMPLETE);
    pcre2_compile_context_free(cctx);
    hth_buf_drop(&text);
    return status;
}

HthStatus hth_pretok_open(HthPretok **out, const HthPre *pre, HthErr *err) {
    HthStatus status = HTH_OK;
    HthPretok *p = hth_calloc(1, sizeof *p);
    HTH_REQUIRE(p, err, HTH_ENOMEM, "out of memory for the pre-tokenizer");
    p->pre = pre;
    p->gctx = pcre2_general_context_create(lend, take_back, NULL);
    if (!p->gctx) {
        status = HTH_FAIL(err, HTH_ENOMEM, "out of memory for the pre-tokenizer");
        goto out;
    }
    for (size_t i = 0; pre->stages[i].kind != HTH_STAGE_END; i++) {
        HTH_ASSERT(i < STAGES_MAX);
        if (pre->stages[i].pattern) status = compile(p, i, err);
        if (status != HTH_OK) goto out;
    }
out:
    if (status != HTH_OK) {
        hth_pretok_close(&p);
        return status;
    }
    *out = p;
    return HTH_OK;
}

void hth_pretok_close(HthPretok **p) {
    if (!*p) return;
    for (size_t i = 0; i < STAGES_MAX; i++) pcre2_code_free((*p)->code[i]);
    pcre2_general_context_free((*p)->gctx);
    hth_free(*p);
    *p = NULL;
}

void hth_cuts_drop(HthCuts *c) {
    hth_free(c->p);
    *c = (HthCuts){ 0 };
}

static HthStatus cut(HthCuts *c, size_t n, HthErr *err) {
    if (n == 0) return HTH_OK;
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 64;
        uint32_t *p = hth_realloc(c->p, cap, sizeof *p);
        HTH_REQUIRE(p, err, HTH_ENOMEM, "out of memory while tokenizing");
        c->p = p;
        c->cap = cap;
    }
    c->p[c->n++] = (uint32_t)n;
    return HTH_OK;
}

/* One text on its way through the stages.  Cuts are counted in code points until the end. */
typedef struct Job {
    HthStr cls; /* class text: one byte per code point */
    HthStr wide; /* UTF-8 with every non-ASCII blank as a vertical tab */
    HthBuf cls_own, wide_own;
    HthCuts from, to;
    pcre2_match_data *match;
    pcre2_match_context *limits;
} Job;

static HthStatus prepare(Job *job, const HthPretok *p, HthStr text, HthErr *err) {
    bool ascii = true, wanted = false;
    for (size_t i = 0; i < text.n && ascii; i++) ascii = (uint8_t)text.p[i] < 0x80;
    for (const HthStage *s = p->pre->stages; s->kind != HTH_STAGE_END; s++) {
        wanted = wanted || s->kind == HTH_STAGE_WIDE;
    }
    job->cls = job->wide = text;
    if (ascii) return HTH_OK;
    HTH_TRY(hth_buf_reserve(&job->cls_own, text.n, err));
    for (HthStr rest = text; rest.n;) {
        uint32_t cp;
        char bytes[4];
        size_t n = hth_uni_decode(rest, &cp);
        uint8_t cls = hth_uni_class(cp);
        HTH_TRY(hth_buf_add_char(&job->cls_own, (char)cls, err));
        if (wanted) {
            if (cp >= 0xD800 && cp < 0xE000) cp = 0xFFFD; /* PCRE2 wants valid UTF-8 */
            size_t len = hth_uni_encode(cls == HTH_UNI_SPACE ? HTH_UNI_SPACE : cp, bytes);
            HTH_TRY(hth_buf_add(&job->wide_own, bytes, len, err));
        }
        rest = hth_str_sub(rest, n, SIZE_MAX);
    }
    job->cls = hth_buf_str(&job->cls_own);
    job->wide = hth_buf_str(&job->wide_own);
    return HTH_OK;
}

static size_t code_points(const char *p, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += ((uint8_t)p[i] & 0xC0) != 0x80;
    return count;
}

/* Bytes of the first `count` code points of s. */
static size_t bytes_of(HthStr s, size_t count) {
    size_t i = 0;
    while (i < s.n && count) {
        i++;
        while (i < s.n && ((uint8_t)s.p[i] & 0xC0) == 0x80) i++;
        count--;
    }
    return i;
}

/* How often one match may go back: a few times over the text.  A run of blanks without a line end
 * costs one step for each blank. */
static uint32_t steps_max(size_t n) {
    uint64_t steps = 10000000 + (uint64_t)n * 4;
    return steps < UINT32_MAX ? (uint32_t)steps : UINT32_MAX;
}

static HthStatus match_once(const pcre2_code *code, HthStr piece, size_t at, Job *job, bool *found,
                            HthErr *err) {
    const PCRE2_SPTR subject = (PCRE2_SPTR)piece.p;
    int rc = pcre2_match(code, subject, piece.n, at, PCRE2_NO_UTF_CHECK, job->match, job->limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {
        rc = pcre2_match(code, subject, piece.n, at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, job->match,
                         job->limits);
    }
    HTH_REQUIRE(rc != PCRE2_ERROR_NOMEMORY, err, HTH_ENOMEM, "out of memory while tokenizing");
    HTH_REQUIRE(rc >= 0 || rc == PCRE2_ERROR_NOMATCH, err, HTH_ELIMIT,
                "the text is too repetitive for this model's pre-tokenizer (matcher error %d)", rc);
    *found = rc >= 0;
    return HTH_OK;
}

/* Cuts one piece at the matches of a pattern (never empty ones: the table has none). */
static HthStatus cut_matches(const pcre2_code *code, bool wide, HthStr piece, Job *job,
                             HthErr *err) {
    size_t done = 0;
    while (done < piece.n) {
        bool found = false;
        HTH_TRY(match_once(code, piece, done, job, &found, err));
        if (!found) break;
        const PCRE2_SIZE *span = pcre2_get_ovector_pointer(job->match);
        HTH_ASSERT(span[1] > span[0]);
        size_t gap = span[0] - done, len = span[1] - span[0];
        if (wide) {
            gap = code_points(piece.p + done, gap);
            len = code_points(piece.p + span[0], len);
        }
        done = span[1];
        HTH_TRY(cut(&job->to, gap, err));
        HTH_TRY(cut(&job->to, len, err));
    }
    size_t rest = piece.n - done;
    return cut(&job->to, wide ? code_points(piece.p + done, rest) : rest, err);
}

static HthStatus cut_triples(HthStr piece, bool bare, Job *job, HthErr *err) {
    size_t done = 0, i = 0;
    while (i < piece.n) {
        size_t end = i;
        while (end < piece.n && ((piece.p[end] >= '0' && piece.p[end] <= '9') ||
                                 (!bare && (uint8_t)piece.p[end] == HTH_UNI_NUMBER))) {
            end++;
        }
        if (end == i) {
            i++;
            continue;
        }
        size_t head = (end - i) % 3;
        for (size_t at = i + (bare || head ? head : 3); at < end + !bare; at += 3) {
            HTH_TRY(cut(&job->to, at - done, err));
            done = at;
        }
        i = end;
    }
    return cut(&job->to, piece.n - done, err);
}

static HthStatus run_stage(const HthPretok *p, size_t i, Job *job, HthErr *err) {
    HthStageKind kind = p->pre->stages[i].kind;
    bool wide = kind == HTH_STAGE_WIDE;
    HthStr rest = wide ? job->wide : job->cls;
    job->to.n = 0;
    for (size_t k = 0; k < job->from.n; k++) {
        size_t n = wide ? bytes_of(rest, job->from.p[k]) : job->from.p[k];
        HthStr piece = { rest.p, n };
        rest = hth_str_sub(rest, n, SIZE_MAX);
        if (p->code[i]) {
            HTH_TRY(cut_matches(p->code[i], wide, piece, job, err));
        } else {
            HTH_TRY(cut_triples(piece, kind == HTH_STAGE_TRIPLES_BARE, job, err));
        }
    }
    HthCuts swap = job->from;
    job->from = job->to;
    job->to = swap;
    return HTH_OK;
}

HthStatus hth_pretok_split(const HthPretok *p, HthStr text, HthCuts *cuts, HthErr *err) {
    HthStatus status;
    Job job = { .match = pcre2_match_data_create(4, p->gctx),
                .limits = pcre2_match_context_create(p->gctx) };
    hth_buf_init(&job.cls_own, text.n);
    hth_buf_init(&job.wide_own, text.n);
    if (!job.match || !job.limits) {
        status = HTH_FAIL(err, HTH_ENOMEM, "out of memory while tokenizing");
        goto out;
    }
    pcre2_set_match_limit(job.limits, steps_max(text.n));
    status = prepare(&job, p, text, err);
    if (status == HTH_OK) status = cut(&job.from, job.cls.n, err);
    for (size_t i = 0; status == HTH_OK && p->pre->stages[i].kind != HTH_STAGE_END; i++) {
        status = run_stage(p, i, &job, err);
    }
    if (status != HTH_OK) goto out;
    HthStr rest = text;
    for (size_t i = 0; job.cls.p != text.p && i < job.from.n; i++) {
        size_t n = bytes_of(rest, job.from.p[i]);
        job.from.p[i] = (uint32_t)n;
        rest = hth_str_sub(rest, n, SIZE_MAX);
    }
    HthCuts old = *cuts;
    *cuts = job.from;
    job.from = old;
out:
    pcre2_match_context_free(job.limits);
    pcre2_match_data_free(job.match);
    hth_buf_drop(&job.cls_own);
    hth_buf_drop(&job.wide_own);
    hth_cuts_drop(&job.from);
    hth_cuts_drop(&job.to);
    return status;
}
