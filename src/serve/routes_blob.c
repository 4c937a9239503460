/* routes_blob.c - model files brought by a client: POST /api/blobs/sha256:..., piece by piece to
 * the disk, never held in memory; visible when the digest is right and the bytes are durable.
 *
 * Thread: the upload is opened on a prep thread, written on the spool thread, committed on a prep
 * thread; http orders these. The list is under its lock. */
#include "base/mem.h"
#include "serve/house_in.h"
#include "serve/http_spool.h"

typedef struct HthUpload Upload;
struct HthUpload {
    Upload *next;
    HthHouse *house;
    const HthX *x;
    HthBlob *blob;
};

static HthStatus write_piece(void *payload, const void *bytes, size_t n, HthErr *err) {
    Upload *u = payload;
    return hth_blob_add(u->blob, bytes, n, err);
}

static void end_upload(void *payload) {
    Upload *u = payload;
    HthHouse *h = u->house;
    (void)pthread_mutex_lock(&h->uploads_lock);
    Upload **at = &h->uploads;
    while (*at != u) at = &(*at)->next;
    *at = u->next;
    (void)pthread_mutex_unlock(&h->uploads_lock);
    hth_blob_abort(&u->blob); /* nothing, when it was committed */
    hth_free(u);
}

static Upload *upload_of(HthHouse *h, const HthX *x) {
    (void)pthread_mutex_lock(&h->uploads_lock);
    Upload *u = h->uploads;
    while (u && u->x != x) u = u->next;
    (void)pthread_mutex_unlock(&h->uploads_lock);
    return u;
}

static HthStatus begin(HthHouse *h, HthX *x, HthStr digest, HthErr *err) {
    Upload *u = hth_calloc(1, sizeof *u);
    HTH_REQUIRE(u, err, HTH_ENOMEM, "no memory for an upload");
    HthStatus st = hth_blob_begin(h->cfg.store, digest, &u->blob, err);
    if (st != HTH_OK) {
        hth_free(u);
        return st;
    }
    u->x = x;
    u->house = h;
    (void)pthread_mutex_lock(&h->uploads_lock);
    u->next = h->uploads;
    h->uploads = u;
    (void)pthread_mutex_unlock(&h->uploads_lock);
    const HthSink sink = {
        .write = write_piece, .close = end_upload, .payload = u, .bytes_max = hth_blob_max(u->blob)
    };
    hth_x_spool(x, &sink);
    return HTH_OK;
}

static HthStr digest_of(const HthX *x) {
    return hth_str_sub(hth_x_path(x), sizeof "/api/blobs/" - 1, SIZE_MAX);
}

void hth_house_upload(void *house, HthX *x) {
    HthHouse *h = house;
    HthWho who = { 0 };
    HthErr err = { 0 };
    int status = 0;
    HthStatus st = hth_auth_ask(h->cfg.auth, x, HTH_ROUTE_BLOB_PUT, &who, &status, &err);
    if (st == HTH_OK) status = 0; /* as the error says, from here on */
    if (st == HTH_OK && !hth_str_eq(hth_x_method(x), HTH_STR("POST"))) {
        status = 405;
        st = HTH_FAIL(&err, HTH_EINVAL, "this path does not answer that method with a body");
    }
    if (st == HTH_OK) st = begin(h, x, digest_of(x), &err);
    if (st != HTH_OK) hth_reply_error(x, status, &err);
}

static void commit(HthHouse *h, HthX *x, const HthWho *who, HthStr rest) {
    (void)who, (void)rest;
    HthErr err = { 0 };
    HthBuf out;
    uint64_t bytes = 0;
    Upload *u = upload_of(h, x);
    HthBlob *none = NULL;
    HthStatus st = hth_x_spooled(x, &bytes, &err);
    if (st == HTH_OK && !u) st = HTH_FAIL(&err, HTH_EINVAL, "a blob needs a body");
    hth_buf_init(&out, 1 << 16);
    const int status = hth_models_api_blob_done(u ? &u->blob : &none, st, &err, &out);
    hth_reply_body(x, status, "application/json", &out);
}

const HthRoute hth_routes_blob[] = {
    { HTH_ROUTE_BLOB_PUT, "POST", "/api/blobs/*", .run = commit },
    { HTH_ROUTE_BLOB, "GET", "/api/blobs/*", .body = hth_models_api_blob },
    { 0 },
};
HTH_ROUTES_HAVE_POLICIES(hth_routes_blob, BLOB);
