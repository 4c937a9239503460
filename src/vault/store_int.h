/* store_int.h - what the files of the model store share.
 *
 * Not for other floors.
 *
 * Thread: everything here with the store's lock held, unless it says otherwise. */
#ifndef HTH_VAULT_STORE_INT_H
#define HTH_VAULT_STORE_INT_H

#include <pthread.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/file.h"
#include "vault/store.h"
#include "vault/settings.h"

enum {
    HTH_STORE_MAX = 20000, /* found at once */
    HTH_FACTS_MAX = 4096, /* files remembered */
    HTH_FROM_DEPTH_MAX = 8, /* a model made from one made from ... */
    HTH_MANIFEST_MAX = HTH_MODELFILE_MAX /* bytes */
};

/* When a file is still the one it was. Of a split model: the first part, bytes of all, the latest
 * change. Zero: memory. */
typedef struct HthIdent {
    uint64_t dev, ino, bytes;
    int64_t mtime_ns;
} HthIdent;

/* What was found out about one file. */
typedef struct HthFact {
    HthIdent id;
    bool known; /* facts or error are filled */
    bool used; /* since the last tidying */
    HthModelFacts facts;
    char error[240]; /* why it is no model; "": it is one */
    char digest[65]; /* "": not computed */
} HthFact;

struct HthStore {
    pthread_mutex_t lock; /* of all below it; the rest never changes */
    HthFact *facts; /* [fact_count] */
    size_t fact_count, fact_cap;
    bool facts_read, facts_dirty;
    bool told; /* files left out were logged */
    HthFact embedded_fact;
    /* ---- */
    char *home; /* NULL: none */
    char **folders; /* [folder_count]; folders[0] is home when there is one */
    size_t folder_count;
    HthStr embedded;
    HthName embedded_name;
    HthModelFactsFn read_facts;
    void *payload;
    uint64_t blob_max;
};

/* One model on the way into a list. */
typedef struct HthFound {
    HthStored info;
    HthIdent id;
    const char *manifest_path; /* of made ones, beneath home; of files, NAME.json beside it */
    uint64_t revision; /* of its own manifest, when it is made */
    size_t folder; /* index, of files */
    size_t base; /* index of what it was made from; SIZE_MAX: a file or a blob */
    json_t *manifest; /* owned; NULL: none */
    json_t *settings; /* owned; what info.settings points at */
} HthFound;

typedef struct HthScan {
    HthStore *m;
    const HthName *only; /* what is looked for; NULL: everything */
    HthArena *arena;
    HthFound *found;
    size_t count, cap;
    HthErr *err;
} HthScan;

/* Everything there is, files first; names may come twice. Manifests of made models are read, and
 * what they are made from is known; facts and digests are not looked at. */
HTH_MUST_CHECK HthStatus hth_scan_all(HthScan *s, HthStore *m, HthErr *err);
/* The same of one name, and of what it is made from: much less to look at. */
HTH_MUST_CHECK HthStatus hth_scan_name(HthScan *s, HthStore *m, const HthName *name, HthErr *err);
void hth_scan_drop(HthScan *s);
/* The revision after one more manifest: its identity stands for what is in it. */
uint64_t hth_revision_after(uint64_t revision, const struct stat *manifest);
/* The one that a name means, or NULL. */
HthFound *hth_scan_find(HthScan *s, const HthName *name);
/* NAME-0000K-of-0000N.gguf: path of part K (from 1) of a split model. */
HTH_MUST_CHECK HthStatus hth_store_part(HthBuf *out, const HthStored *info, uint32_t part,
                                        HthErr *err);

/* Manifests, as JSON. hth_manifest_read: *out NULL when there is no such file; EFORMAT. */
HTH_MUST_CHECK HthStatus hth_manifest_read(json_t **out, int folder, const char *path, HthErr *err);
/* "manifests/space/name/tag.json" */
void hth_manifest_path(char out[512], const HthName *name);

/* The memory of what files say. May return NULL: out of room. */
HthFact *hth_fact_of(HthStore *m, const HthIdent *id, bool make);
/* Reads the file if nothing is known of it. ENOMEM only: anything else becomes its error. */
HTH_MUST_CHECK HthStatus hth_fact_fill(HthStore *m, HthFact *fact, const char *path, HthStr memory,
                                       HthErr *err);
void hth_facts_load(HthStore *m); /* from home/facts.json; what is no good there is ignored */
void hth_facts_save(HthStore *m); /* if there is something new; failure is logged */
void hth_facts_drop(HthStore *m);

/* A folder's descriptor, or -1; with make, home is made if it is not there. */
int hth_folder_open(const char *path, bool make);
HthIdent hth_ident_of(const struct stat *st);
/* EDENIED: no home. A descriptor of it, made if need be. */
HTH_MUST_CHECK HthStatus hth_home_open(HthStore *m, int *fd, HthErr *err);

#endif
