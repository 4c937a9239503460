/* split.c - text into words, as the "llama-bpe" pre-tokenizer does. See bpe.h. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/mem.h"
#include "tune/bpe.h"

/* Contractions; a word with at most one leading non-letter; up to three digits; punctuation with
 * its line ends; line ends; blanks. */
static const char PATTERN[] = "'(?i:s|t|re|ve|m|ll|d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
                              "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

struct HthSplit {
    pcre2_code *code;
    pcre2_match_data *match;
};

HthStatus hth_split_open(HthSplit **out, HthErr *err) {
    int code = 0;
    PCRE2_SIZE at = 0;
    HthSplit *s = hth_calloc(1, sizeof *s);
    HTH_REQUIRE(s, err, HTH_ENOMEM, "no memory for the word pattern");
    s->code = pcre2_compile((PCRE2_SPTR)PATTERN, PCRE2_ZERO_TERMINATED,
                            PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF, &code, &at, NULL);
    s->match = s->code ? pcre2_match_data_create_from_pattern(s->code, NULL) : NULL;
    if (!s->match) {
        hth_split_close(&s);
        return HTH_FAIL(err, HTH_ENOMEM, "the word pattern did not compile (code %d)", code);
    }
    (void)pcre2_jit_compile(s->code, PCRE2_JIT_COMPLETE); /* without it: the same, slower */
    *out = s;
    return HTH_OK;
}

void hth_split_close(HthSplit **s) {
    if (!*s) return;
    pcre2_match_data_free((*s)->match);
    pcre2_code_free((*s)->code);
    hth_free(*s);
    *s = NULL;
}

bool hth_split_next(HthSplit *s, HthStr text, size_t *at, HthStr *word_out) {
    if (*at >= text.n) return false;
    const size_t from = *at;
    size_t end = from + 1;
    int rc = pcre2_match(s->code, (PCRE2_SPTR)text.p, text.n, from, 0, s->match, NULL);
    if (rc > 0) {
        const PCRE2_SIZE *span = pcre2_get_ovector_pointer(s->match);
        /* Bytes before the match are not UTF-8: one word each. */
        if (span[0] == from && span[1] > from) end = span[1];
    }
    *at = end;
    *word_out = hth_str_sub(text, from, end - from);
    return true;
}
