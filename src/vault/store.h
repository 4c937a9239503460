/* store.h - the model store: plain .gguf files where they are, and manifests that say more.
 *
 * A folder is searched for NAME.gguf, and for SPACE/NAME.gguf one level down; of a split model the
 * parts count once.  NAME.json beside a file adds settings to it (modelfile.h).  Hearth's own
 * folder, `home`, also holds what was made from other models:
 *
 *   home/manifests/[SPACE/]NAME/TAG.json   settings, and what the model is made from
 *   home/blobs/sha256-HEX                  uploaded files; named by their digest
 *   home/facts.json                        what was found out about files: a cache, may be lost
 *
 * Where two models have one name, the one in manifests wins, then home, then the folders in their
 * order; the embedded model comes last.  docs/formats/models.md has the bytes.
 *
 * Nothing outside `home` is ever written.  Names are checked before they touch a path (name.h), and
 * files are opened beneath their folder only (a link that leaves it is not followed).  A file that
 * is no model is listed with its error.  Files that are written appear whole or not at all.
 *
 * Thread: any; the store has one lock, never held while a file's digest is computed. */
#ifndef HTH_VAULT_STORE_H
#define HTH_VAULT_STORE_H

#include "vault/modelfile.h"
#include "vault/name.h"

typedef struct HthStore HthStore;

/* What a model file says of itself. Texts are cut to their room. */
typedef struct HthModelFacts {
    char arch[64]; /* "llama" */
    char quant[16]; /* "Q4_K_M"; "unknown" */
    char title[128]; /* general.name; "" */
    char license[64]; /* general.license, the short name; "" */
    uint64_t params, ctx, embd; /* 0: not said */
    bool chat; /* has a chat template */
    bool tools, thinking, insert; /* its template speaks of tools, of thinking; it can fill in */
    bool embedding; /* made for vectors, not for words */
    bool rerank;
} HthModelFacts;

/* Reads them: from `path`, or when that is NULL from memory. The store cannot read model files
 * itself (it stands beside that floor). Any thread, under the store's lock. */
typedef HthStatus (*HthModelFactsFn)(void *payload, const char *path, HthStr memory,
                                     HthModelFacts *out, HthErr *err);

typedef struct HthStoreCfg {
    const char *home; /* written to; made when it is first needed. NULL: nothing can be written */
    const char *const *folders; /* only read */
    size_t folder_count;
    HthStr embedded; /* a model's bytes, borrowed for as long as the store lives; empty: none */
    const char *embedded_name; /* "ember" */
    HthModelFactsFn facts;
    void *payload; /* for facts */
    uint64_t blob_max; /* bytes of one; 0: 1 TiB */
} HthStoreCfg;

/* $HEARTH_MODELS, $XDG_DATA_HOME/hearth/models, ~/.local/share/hearth/models: the first that can
 * be had. EINVAL: none. */
HTH_MUST_CHECK HthStatus hth_store_home(HthBuf *out, HthErr *err);
HTH_MUST_CHECK HthStatus hth_store_open(HthStore **out, const HthStoreCfg *cfg, HthErr *err);
void hth_store_close(HthStore **m);

/* One model, as it was when it was asked for. Everything is borrowed from the list. */
typedef struct HthStored {
    HthName name;
    const char *full; /* "space/name:tag" */
    const char *path; /* of the (first) file; NULL: memory */
    HthStr memory;
    const char *adapter; /* path of the file that lies over it; NULL: none */
    const char *parent; /* what it was made from, a name; "": a file by itself */
    const char *digest; /* SHA-256 of the file (of all parts in a row): 64 hex digits; "": not
                           computed yet */
    const char *error; /* why it cannot be used; "": it can */
    uint64_t bytes; /* all parts */
    uint32_t parts; /* files of a split model; 1 */
    int64_t modified_ns; /* since 1970 */
    bool own; /* lies in home: can be deleted */
    bool made; /* by create or copy: there is a manifest of its own */
    HthModelFacts facts;
    HthTemplateKind template_kind; /* of settings.template */
    const json_t *settings; /* see modelfile.h; an empty object: none */
    uint64_t revision; /* of one name, the same revision: the same settings */
} HthStored;

typedef struct HthStoreList {
    HthStored *items; /* by name */
    size_t count;
    void *keep; /* private */
} HthStoreList;

/* All models. */
HTH_MUST_CHECK HthStatus hth_store_list(HthStore *m, HthStoreList **out, HthErr *err);
/* The one of that name: a list of one, or of none when there is no such model. EINVAL: no name. */
HTH_MUST_CHECK HthStatus hth_store_find(HthStore *m, HthStr name, HthStoreList **out, HthErr *err);
void hth_store_list_close(HthStoreList **list);
/* While this number is the same for a name, so are the file that it stands for (its path, not its
 * bytes) and the adapter over it: asked before a lookup and kept with what that found, it saves the
 * next one. 0: nobody can say (it is made from another model, or something changed in the last two
 * seconds). Any thread. */
uint64_t hth_store_stamp(const HthStore *m, HthStr name);

/* The digest of a model's file, computed now if it is not known (seconds for a large one: not on a
 * thread that others wait for), remembered until the file changes. EFORMAT: not what its manifest
 * says it is, or a blob whose name is another digest. EINVAL: no such model. progress as
 * hth_hash_fd's, NULL: none. */
typedef bool (*HthDigestProgress)(void *payload, uint64_t done_bytes, uint64_t total_bytes);
HTH_MUST_CHECK HthStatus hth_store_digest(HthStore *m, HthStr name, HthDigestProgress progress,
                                          void *payload, char hex[65], HthErr *err);
/* The same for one that was just found, without looking for it again. */
HTH_MUST_CHECK HthStatus hth_store_digest_of(HthStore *m, const HthStored *found,
                                             HthDigestProgress progress, void *payload,
                                             char hex[65], HthErr *err);
/* EFORMAT: this file (a model's, an adapter's; NULL: none) is a blob of the store, and its name is
 * not this SHA-256 of its bytes. Any thread. */
HTH_MUST_CHECK HthStatus hth_store_check_blob(const HthStore *m, const char *path, const char *hex,
                                              HthErr *err);
/* For a thread with nothing better to do: computes the digest of one model that has none, the first
 * that can be read. *more: whether to call again. EIO: what is left cannot be read. */
HTH_MUST_CHECK HthStatus hth_store_digest_next(HthStore *m, HthDigestProgress progress,
                                               void *payload, bool *more, HthErr *err);

/* ---- changing the store: everything EDENIED when there is no home ---------------------------- */

typedef struct HthStoreMake {
    HthStr name;
    HthStr from; /* an existing model; or empty, and */
    HthStr file_digest; /* a blob: "sha256:..." */
    const json_t *settings; /* over those of `from`; modelfile.h; NULL: none. adapter: a blob */
} HthStoreMake;
/* Replaces a manifest of that name. EINVAL: names, digests and settings that are none, an adapter
 * that was not uploaded; *missing set when it is that `from` or the blob does not exist. EFORMAT:
 * the blob is not a model. */
HTH_MUST_CHECK HthStatus hth_store_create(HthStore *m, const HthStoreMake *make, bool *missing,
                                          HthErr *err);
HTH_MUST_CHECK HthStatus hth_store_copy(HthStore *m, HthStr from, HthStr to, bool *missing,
                                        HthErr *err);
/* The manifest and the blob nobody else needs, or the file and its parts. EDENIED: it lies in a
 * folder that is only read, is embedded, or others are made from it. */
HTH_MUST_CHECK HthStatus hth_store_delete(HthStore *m, HthStr name, bool *missing, HthErr *err);

/* ---- blobs ----------------------------------------------------------------------------------- */

/* EINVAL: no digest. *bytes may be NULL. */
HTH_MUST_CHECK HthStatus hth_blob_has(HthStore *m, HthStr digest, bool *there, uint64_t *bytes,
                                      HthErr *err);
typedef struct HthBlob HthBlob; /* one being written; one thread at a time */
HTH_MUST_CHECK HthStatus hth_blob_begin(HthStore *m, HthStr digest, HthBlob **out, HthErr *err);
HTH_MUST_CHECK HthStatus hth_blob_add(HthBlob *b, const void *bytes, size_t n, HthErr *err);
uint64_t hth_blob_max(const HthBlob *b); /* bytes it may have */
/* The temporary file, for those who write it themselves (from its beginning); commit then reads it
 * once more for its digest. */
int hth_blob_fd(const HthBlob *b);
/* EINVAL: the bytes have another digest. Visible and durable on HTH_OK; frees, sets NULL always. */
HTH_MUST_CHECK HthStatus hth_blob_commit(HthBlob **b, HthErr *err);
void hth_blob_abort(HthBlob **b);

#endif
