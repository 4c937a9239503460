/* import_fuzz.c - any bytes as a file of tensors, as config.json, as tokenizer.json, as the files
 * of an adapter: refused with a sentence, or what is made of them is what hearth itself reads.
 *
 * The first byte picks: 'S', 'C', 'T'; 'A' and 'P' are tensors and config of an adapter; 'W' a
 * list of words, 'M' modules and their pooling. Tensors that are taken tile their file; a
 * config's metadata is that of a model whose rotation can be computed; a tokenizer opens, and a
 * text goes through it; pairs are of the model's matrices.
 *
 * Thread: one. */
#include <string.h>

#include "base/mem.h"
#include "import/config.h"
#include "import/peft.h"
#include "import/pooling.h"
#include "import/safetensors.h"
#include "import/tokens.h"
#include "model/arch.h"
#include "support/tiny_adapter.h"
#include "text/vocab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { IN_MAX = 1 << 16, ROWS = 300 };

static void tensors(HthStr text) {
    HthErr err = { 0 };
    HthSafe *s = NULL;
    if (hth_safe_open_mem(&s, text.p, text.n, "f", &err) != HTH_OK) {
        HTH_ASSERT(err.text[0]);
        return;
    }
    const uint8_t *end = (const uint8_t *)text.p + text.n, *at = end;
    for (size_t i = hth_safe_count(s); i-- > 0;) {
        const HthSafeTensor *t = hth_safe_at(s, i);
        HTH_ASSERT(t->data + t->bytes == at && t->data > (const uint8_t *)text.p + 8);
        HTH_ASSERT(t->n_dims <= HTH_SAFE_DIMS_MAX && t->name.n > 0);
        at = t->data;
    }
    hth_safe_close(&s);
}

/* For a model that stays open. */
static const HthGguf *base(void) {
    static HthGguf *g;
    static HthBuf file;
    if (g) return g;
    HthErr err;
    tiny_build(&file, &tiny_adapted);
    HTH_ASSERT(hth_gguf_open_mem(&g, file.p, file.n, "tiny", &err) == HTH_OK);
    return g;
}

static void adapter(HthStr text, const HthGguf *g) {
    HthErr err = { 0 };
    HthSafe *s = NULL;
    HthPairs p;
    if (hth_safe_open_mem(&s, text.p, text.n, "f", &err) != HTH_OK) return; /* tensors() looks */
    if (hth_peft_pairs(&p, s, g, &err) == HTH_OK) {
        HTH_ASSERT(p.count * 2 == hth_safe_count(s));
        for (size_t i = 0; i < p.count; i++) {
            const HthPair *pair = &p.pairs[i];
            HTH_ASSERT(pair->rank >= 1 && pair->a && pair->b &&
                       hth_gguf_tensor(g, hth_str(pair->name)));
            HTH_ASSERT(!pair->heads || pair->rows % pair->heads == 0);
        }
        hth_peft_drop(&p);
    } else {
        HTH_ASSERT(err.text[0]);
    }
    hth_safe_close(&s);
}

static void adapter_config(const json_t *root) {
    HthErr err = { 0 };
    HthPeft p;
    if (hth_peft_read(&p, root, &err) != HTH_OK)
        HTH_ASSERT(err.text[0]);
    else
        HTH_ASSERT(p.alpha != 0.0f && p.alpha == p.alpha);
}

/* What is written, read again. */
static void open_head(HthGguf **g, HthBuf *head, HthGgufOut **o) {
    HthErr err = { 0 };
    uint32_t align;
    hth_buf_init(head, 1 << 24);
    HTH_ASSERT(hth_gguf_out_head(*o, head, &align, &err) == HTH_OK);
    HTH_ASSERT(hth_gguf_open_mem(g, head->p, head->n, "head", &err) == HTH_OK);
    hth_gguf_out_abort(o);
}

static void config(const json_t *root) {
    HthErr err = { 0 };
    HthConfig c;
    HthGgufOut *o = NULL;
    HthGguf *g = NULL;
    HthBuf head;
    if (hth_config_read(&c, root, &err) != HTH_OK) {
        HTH_ASSERT(err.text[0]);
        return;
    }
    HTH_ASSERT(c.n_q >= c.n_kv && c.n_q == c.n_head * c.head_dim && c.n_rot <= c.head_dim);
    HTH_ASSERT(c.rope_base > 1.0f || c.family->kind != HTH_FAMILY_DECODER);
    HTH_ASSERT(c.norm_eps > 0.0f && hth_arch_find(c.family->arch) != NULL);
    HTH_ASSERT((c.n_score == 1) == (c.pooling == HTH_IMPORT_RANK));
    HTH_ASSERT(hth_gguf_out_open_head(&o, "f", &err) == HTH_OK);
    HTH_ASSERT(hth_config_write(&c, o, &err) == HTH_OK);
    open_head(&g, &head, &o);
    hth_gguf_close(&g);
    hth_buf_drop(&head);
    hth_config_drop(&c);
}

static void tokenizer(json_t *root) {
    static const char sample[] = "a b  c\n\xC3\xA4\xE2\x96\x81 123 <|end|>\xF0\x9F\x8C\xB1";
    HthErr err = { 0 };
    HthTokenizer t;
    HthGgufOut *o = NULL;
    HthGguf *g = NULL;
    HthVocab *v = NULL;
    HthBuf head;
    HthIds ids;
    if (hth_tokenizer_of(&t, json_incref(root), root, root, NULL, ROWS, &err) != HTH_OK) {
        HTH_ASSERT(err.text[0]);
        return;
    }
    HTH_ASSERT(hth_gguf_out_open_head(&o, "f", &err) == HTH_OK);
    HTH_ASSERT(hth_tokenizer_write(&t, o, &err) == HTH_OK);
    open_head(&g, &head, &o);
    HTH_ASSERT(hth_vocab_open(&v, g, &err) == HTH_OK);
    hth_ids_init(&ids, 1000);
    const unsigned how = HTH_ENCODE_SPECIAL | HTH_ENCODE_BOS_EOS;
    const HthStatus st = hth_vocab_encode(v, HTH_STR(sample), how, &ids, &err);
    HTH_ASSERT(st == HTH_OK || err.text[0]);
    for (size_t i = 0; i < ids.n; i++) HTH_ASSERT(ids.p[i] < ROWS);
    hth_ids_drop(&ids);
    hth_vocab_close(&v);
    hth_gguf_close(&g);
    hth_buf_drop(&head);
    hth_tokenizer_drop(&t);
}

static void words(HthStr list) {
    HthErr err = { 0 };
    json_t *root = NULL;
    if (hth_tokenizer_words(&root, list, NULL, &err) == HTH_OK)
        tokenizer(root);
    else
        HTH_ASSERT(err.text[0]);
    json_decref(root);
}

static void pooling(const json_t *root) {
    HthErr err = { 0 };
    HthStr path;
    uint32_t is = 0;
    if (hth_import_pooling_in(json_object_get(root, "modules"), &path, &err) != HTH_OK)
        HTH_ASSERT(err.text[0]);
    if (hth_import_pooling_of(json_object_get(root, "pooling"), 8, &is, &err) == HTH_OK)
        HTH_ASSERT(is >= HTH_IMPORT_MEAN && is <= HTH_IMPORT_LAST);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    HthErr err = { 0 };
    json_t *root = NULL;
    if (size == 0 || size > IN_MAX) return 0;
    hth_json_init();
    const HthGguf *model = base();
    const uint64_t live = hth_mem_live();
    const HthStr text = { (const char *)data + 1, size - 1 };
    if (data[0] == 'S') {
        tensors(text);
    } else if (data[0] == 'A') {
        adapter(text, model);
    } else if (data[0] == 'W') {
        words(text);
    } else if (hth_json_parse(&root, text, IN_MAX, &err) == HTH_OK) {
        if (data[0] == 'C')
            config(root);
        else if (data[0] == 'P')
            adapter_config(root);
        else if (data[0] == 'M')
            pooling(root);
        else
            tokenizer(root);
        json_decref(root);
    }
    HTH_ASSERT(hth_mem_live() == live);
    return 0;
}
