/* schema_fuzz.c - any bytes as a JSON Schema, then as a text: a grammar or one sentence.
 *
 * The input is a schema, a zero byte, a text. A schema that begins with '/' is a pattern instead.
 *
 * Thread: one. */
#include <string.h>

#include "base/mem.h"
#include "text/dfa.h"
#include "text/grammar.h"
#include "text/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 1 << 12 };

static void pattern(HthStr source, HthStr text) {
    HthErr err = { 0 };
    HthDfa *d = NULL, *other = NULL;
    HthByteDfa bytes = { 0 };
    const HthStatus st = hth_dfa_pattern(&d, source, false, &err);
    HTH_ASSERT((st == HTH_OK) == (d != NULL) && (st == HTH_OK || err.text[0]));
    if (st != HTH_OK) return;
    if (hth_dfa_not(&other, d, &err) == HTH_OK)
        HTH_ASSERT(!hth_utf8_valid(text) || hth_dfa_match(d, text) != hth_dfa_match(other, text));
    if (hth_dfa_bytes(&bytes, d, HTH_DFA_UTF8, &err) == HTH_OK) {
        uint32_t s = 1;
        for (size_t i = 0; i < text.n; i++)
            s = bytes.next[(size_t)s * bytes.class_count + bytes.class_of[(uint8_t)text.p[i]]];
        HTH_ASSERT(bytes.accept[s] == (hth_utf8_valid(text) && hth_dfa_match(d, text)));
    }
    hth_byte_dfa_drop(&bytes);
    hth_dfa_close(&d);
    hth_dfa_close(&other);
}

static void walk(const HthGrammar *g, HthStr text) {
    HthErr err = { 0 };
    HthMatcher *m = NULL;
    json_t *value = NULL;
    HTH_ASSERT(hth_matcher_open(&m, g, NULL, &err) == HTH_OK);
    const HthStatus st = hth_matcher_bytes(m, text, &err);
    if (st == HTH_OK && hth_matcher_may_end(m)) /* JSON, as far as this parser can hold it */
        HTH_ASSERT(hth_json_parse(&value, text, BYTES_MAX, &err) == HTH_OK ||
                   strstr(err.text, "number") || strstr(err.text, "twice") ||
                   strstr(err.text, "U+0000"));
    json_decref(value);
    hth_matcher_close(&m);
}

static void schema(HthStr source, HthStr text) {
    HthErr err = { 0 };
    json_t *json = NULL;
    HthIr *ir = NULL;
    HthNode root;
    HthGrammar *g = NULL;
    HthStatus st = hth_json_parse(&json, source, BYTES_MAX, &err);
    if (st != HTH_OK) return;
    HTH_ASSERT(hth_ir_open(&ir, &err) == HTH_OK);
    st = hth_schema(ir, json, (HthSchemaOpt){ .space = HTH_SPACE_ONE }, &root, &err);
    HTH_ASSERT(st == HTH_OK || err.text[0]);
    if (st == HTH_OK) st = hth_grammar_open(&g, ir, root, &err);
    if (st == HTH_OK) walk(g, text);
    hth_grammar_close(&g);
    hth_ir_close(&ir);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hth_json_init();
    const uint64_t live = hth_mem_live();
    if (size > BYTES_MAX) return 0;
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    const size_t n = zero ? (size_t)(zero - data) : size;
    const HthStr source = { (const char *)data, n };
    const HthStr text = { zero ? (const char *)zero + 1 : "", zero ? size - n - 1 : 0 };
    if (n && data[0] == '/')
        pattern(hth_str_sub(source, 1, n), text);
    else
        schema(source, text);
    HTH_ASSERT(hth_mem_live() == live);
    return 0;
}
