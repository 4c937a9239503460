/* receipt.h - what was answered, by what, and how to find out whether it is so.
 *
 * A receipt is one file: a DSSE envelope around an in-toto statement in canonical JSON, and beside
 * it, unsigned but bound by digests, the holder's part: the salt of the prompt's commitment and the
 * answer's token ids.  Who is shown the envelope without the holder's part learns digests only.
 * docs/formats/receipt.md has every byte and says what a receipt does not show.
 *
 * A receipt says that the holder of a key stated something.  That the model really said it can be
 * found out by running it again: the same ids, on any machine of the same numerics version.
 *
 * Thread: any. */
#ifndef HTH_AUDIT_RECEIPT_H
#define HTH_AUDIT_RECEIPT_H

#include "audit/dsse.h"
#include "audit/statement.h"

#define HTH_RECEIPT_TYPE "https://hearth.invalid/receipt/v1"

enum {
    HTH_RECEIPT_MAX = 32 << 20, /* bytes of a file */
    HTH_RECEIPT_IDS_MAX = 1 << 20, /* tokens of an answer */
    HTH_RECEIPT_ADAPTERS_MAX = 16,
    HTH_SALT_BYTES = 32
};

/* The adapters that lay over the model, in the order in which they are added. */
typedef struct HthReceiptAdapters {
    uint32_t count;
    struct {
        HthDigests digest; /* of its file; of all parts in a row */
        float scale; /* finite, not 0 */
    } one[HTH_RECEIPT_ADAPTERS_MAX];
} HthReceiptAdapters;

/* What the signed part says.  Texts are borrowed. */
typedef struct HthReceiptFacts {
    /* the answer */
    HthDigests text; /* of its bytes, as they were given out */
    HthDigests ids; /* of its token ids as little-endian 32-bit words, without the end token */
    uint64_t id_count;
    HthStr finish; /* "stop", "stop_text", "length", "context", "interrupted" */
    /* the prompt: the whole conversation as it was rendered, token by token */
    uint8_t prompt[HTH_HASH_BYTES]; /* hth_receipt_commit */
    uint8_t salt[HTH_HASH_BYTES]; /* the salt's own digest */
    uint64_t prompt_count;
    /* what ran */
    HthDigests model; /* of its file; of all parts in a row */
    uint64_t model_bytes;
    HthReceiptAdapters adapters; /* none: nothing is said of any */
    HthDigests tokenizer, chat_template; /* zero: there was none */
    HthDigests engine; /* of the program's file */
    HthStr version, numerics, isa;
    HthStr kv; /* type of the cache of keys and values */
    uint64_t ctx; /* tokens the context could hold */
    /* how words were chosen */
    const json_t *sampler; /* every parameter but the seed: name -> text */
    uint64_t seed;
    uint64_t id_max; /* 0: as many as it takes */
    uint64_t stop_count;
    uint8_t stops[HTH_HASH_BYTES]; /* their commitment; zero: there were none */
    HthStr format; /* SHA3-256, hexadecimal, of the grammar that held the answer; empty: none */
    /* around it */
    HthStr cage; /* hash of the cage's self-test, hexadecimal; empty: there was no cage */
    HthStr log; /* a .tlog-proof; empty: it is in no log */
    int64_t unix_s; /* by the signer's clock, when the prompt was rendered: templates may use it */
} HthReceiptFacts;

/* What a finished job knows.  Everything is borrowed. */
typedef struct HthReceiptIn {
    const uint32_t *prompt, *ids;
    size_t prompt_count, id_count;
    HthStr text;
    const HthStr *stops;
    size_t stop_count;
    HthReceiptFacts facts; /* finish, and all that follows the prompt but the stops */
} HthReceiptIn;

/* Appends the file.  A fresh salt is drawn.  key: name and key of the signer (HthVkey's name and
 * id as "name+hex").  EINVAL: text that is not UTF-8, a fact that no receipt can hold. */
HTH_MUST_CHECK HthStatus hth_receipt_make(HthBuf *out, const HthReceiptIn *in,
                                          const HthDsseSigner *signer, HthErr *err);

/* A receipt as it was read. */
typedef struct HthReceipt {
    HthReceiptFacts facts; /* borrowed from what is below */
    HthDsse envelope;
    json_t *statement;
    bool held; /* the holder's part is there: */
    uint8_t salt[HTH_SALT_BYTES];
    uint32_t *ids; /* [facts.id_count] */
} HthReceipt;
/* EFORMAT: not a receipt, to the byte: the holder's part fits, and no other bytes would say the
 * same.  ENOTSUP: a later kind of receipt.  Who signed it is not looked at. */
HTH_MUST_CHECK HthStatus hth_receipt_open(HthReceipt **out, HthStr file, HthErr *err);
void hth_receipt_close(HthReceipt **r);
/* As hth_dsse_check, for at least one key; and a signature must be marked with the key that made
 * it (EFORMAT). *by (may be NULL): the first key that signed. */
HTH_MUST_CHECK HthStatus hth_receipt_check(const HthReceipt *r, const HthDsseKey *keys,
                                           size_t count, size_t *by, HthErr *err);
/* That its proof, where there is one, is of an entry which says that this answer has ended, and
 * leads to the root of the checkpoint it brings.  Whose log that is, the log's keys tell
 * (hth_proof_check).  EFORMAT. */
HTH_MUST_CHECK HthStatus hth_receipt_log(const HthReceipt *r, HthErr *err);
/* Appends the file again, without the holder's part. */
HTH_MUST_CHECK HthStatus hth_receipt_share(HthBuf *out, const HthReceipt *r, HthErr *err);

/* SHA3-256 over a name of its use, the salt, the count and the ids.  ENOMEM, as below. */
HTH_MUST_CHECK HthStatus hth_receipt_commit(uint8_t out[HTH_HASH_BYTES],
                                            const uint8_t salt[HTH_SALT_BYTES], const uint32_t *ids,
                                            size_t count, HthErr *err);
/* The same for stop texts, in their order. */
HTH_MUST_CHECK HthStatus hth_receipt_commit_stops(uint8_t out[HTH_HASH_BYTES],
                                                  const uint8_t salt[HTH_SALT_BYTES],
                                                  const HthStr *stops, size_t count, HthErr *err);
/* HthReceiptFacts.ids */
HTH_MUST_CHECK HthStatus hth_receipt_ids(HthDigests *out, const uint32_t *ids, size_t count,
                                         HthErr *err);
bool hth_receipt_zero(const HthDigests *d); /* there was none */

#endif
