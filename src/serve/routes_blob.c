/* routes_blob.c - model files brought by a client: POST /api/blobs/sha256:..., piece by piece to
 * the disk, never held in memory; visible when the digest is right and the bytes are durable.
 *
 * Thread: the upload is opened on a prep thread, written on the spool thread, committed on a prep
 * thread; http orders these. The list is under its lock. */
#include "base/mem.h"
#include "serve/house_in.h"
#include "serve/http_parse.h"
#include "serve/http_spool.h"

typedef struct HthUpload Upload;
struct HthUpload {
    Upload *next;
    HthHouse *house;
    const HthX *x;
    HthBlob *blob;
    HthWho who; /* whose limits count it, until it ends */
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
    hth_auth_end(h->cfg.auth, &u->who, 0);
    hth_free(u);
}

static Upload *upload_of(HthHouse *h, const HthX *x) {
    (void)pthread_mutex_lock(&h->uploads_lock);
    Upload *u = h->uploads;
    while (u && u->x != x) u = u->next;
    (void)pthread_mutex_unlock(&h->uploads_lock);
    return u;
}

bool hth_house_uploads(HthHouse *h, const HthX *x) {
    return upload_of(h, x) != NULL;
}

static HthStatus begin(HthHouse *h, HthX *x, const HthWho *who, HthStr digest, HthErr *err) {
    Upload *u = hth_calloc(1, sizeof *u);
    HTH_REQUIRE(u, err, HTH_ENOMEM, "no memory for an upload");
    HthStatus st = hth_blob_begin(h->cfg.store, digest, &u->blob, err);
    if (st != HTH_OK) {
        hth_free(u);
        return st;
    }
    u->x = x;
    u->house = h;
    u->who = *who;
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

/* From its first byte it is under way, and all that it says it has are paid for. */
static HthStatus count(HthHouse *h, HthX *x, const HthWho *who, int *status, HthErr *err) {
    HthStr text;
    uint64_t bytes = 0;
    const bool told = hth_x_header(x, "Content-Length", &text) && hth_http_length(text, &bytes);
    *status = 411;
    HTH_REQUIRE(told || !who->grant.limits.bytes_min, err, HTH_EINVAL,
                "This key may send so many bytes in a minute: say how many come, by "
                "Content-Length.");
    return hth_auth_begin(h->cfg.auth, x, who, bytes, status, err);
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
    if (st == HTH_OK) st = count(h, x, &who, &status, &err);
    const bool counted = st == HTH_OK;
    if (counted) {
        status = 0;
        st = begin(h, x, &who, digest_of(x), &err);
    }
    if (counted && st != HTH_OK) hth_auth_end(h->cfg.auth, &who, 0);
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
