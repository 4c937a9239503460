/* receipts.h - what a model and a sampler are, as a receipt says it; and a sampler back from it.
 *
 * audit/receipt.h knows neither; whoever finishes a job fills its facts in from here.
 *
 * Thread: any. */
#ifndef HTH_SERVE_RECEIPTS_H
#define HTH_SERVE_RECEIPTS_H

#include "audit/keyfile.h"
#include "audit/receipt.h"
#include "gguf/gguf.h"
#include "run/sample.h"

/* What signs receipts, and what they say of the program. */
typedef struct HthReceiptDesk {
    HthSigner *signer;
    char id[HTH_KEY_ID_TEXT]; /* of its key */
    HthDigests engine; /* of the program's file */
    char cage[HTH_HASH_HEX + 1]; /* digest of the cage's self-test; "": there is no cage */
} HthReceiptDesk;

/* Fills in model, model_bytes, tokenizer and chat_template.  All bytes of the model are read, five
 * or six seconds for a gigabyte: do it once for a model.  chat_template: the source the prompt was
 * rendered with, empty: none.  progress as hth_hash_fd's, may be NULL.  ENOMEM, ECANCELED. */
HTH_MUST_CHECK HthStatus hth_receipt_model(HthReceiptFacts *facts, const HthGguf *g,
                                           HthStr chat_template, HthHashProgress progress,
                                           void *payload, HthErr *err);
/* The digests of a file, all of which is read: of the model's, or of an adapter's. */
HTH_MUST_CHECK HthStatus hth_receipt_file(HthDigests *out, const HthGguf *g,
                                          HthHashProgress progress, void *payload, HthErr *err);
/* Every parameter but the seed, name -> text, each to the last bit.  EINVAL: a DRY breaker that is
 * not UTF-8. */
HTH_MUST_CHECK HthStatus hth_receipt_sampler(json_t **out, const HthSampleParams *params,
                                             HthErr *err);
/* Calls set for each of them, as hth_sample_set wants it; value is good during the call only.
 * EFORMAT: a text that hearth does not write. */
typedef HthStatus (*HthReceiptSet)(void *payload, const char *name, HthStr value, HthErr *err);
HTH_MUST_CHECK HthStatus hth_receipt_sampler_each(const json_t *sampler, HthReceiptSet set,
                                                  void *payload, HthErr *err);

#endif
