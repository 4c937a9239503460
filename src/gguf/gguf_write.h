/* gguf_write.h - writing a GGUF version 3 file, durably and all at once.
 *
 * Add metadata, declare every tensor, then write the tensors' data in the declared order and
 * commit.  Until commit nothing is visible at the path (memory has no such care).  Output is
 * deterministic.
 *
 * Thread: one owner. */
#ifndef HTH_GGUF_GGUF_WRITE_H
#define HTH_GGUF_GGUF_WRITE_H

#include "gguf/gguf.h"

typedef struct HthGgufOut HthGgufOut;

HTH_MUST_CHECK HthStatus hth_gguf_out_open(HthGgufOut **out, const char *path, HthErr *err);
/* Into memory: appended to *bytes, which is borrowed until commit or abort. After a failure it
 * holds a part. what: for errors. */
HTH_MUST_CHECK HthStatus hth_gguf_out_open_mem(HthGgufOut **out, HthBuf *bytes, const char *what,
                                               HthErr *err);
/* Without a file, for hth_gguf_out_head: data and commit are EINVAL. path: for errors. */
HTH_MUST_CHECK HthStatus hth_gguf_out_open_head(HthGgufOut **out, const char *path, HthErr *err);
HTH_MUST_CHECK HthStatus hth_gguf_out_u32(HthGgufOut *o, const char *key, uint32_t v, HthErr *err);
HTH_MUST_CHECK HthStatus hth_gguf_out_f32(HthGgufOut *o, const char *key, float v, HthErr *err);
HTH_MUST_CHECK HthStatus hth_gguf_out_bool(HthGgufOut *o, const char *key, bool v, HthErr *err);
HTH_MUST_CHECK HthStatus hth_gguf_out_str(HthGgufOut *o, const char *key, HthStr v, HthErr *err);
HTH_MUST_CHECK HthStatus hth_gguf_out_strs(HthGgufOut *o, const char *key, const HthStr *v,
                                           size_t n, HthErr *err);
HTH_MUST_CHECK HthStatus hth_gguf_out_f32s(HthGgufOut *o, const char *key, const float *v, size_t n,
                                           HthErr *err);
HTH_MUST_CHECK HthStatus hth_gguf_out_i32s(HthGgufOut *o, const char *key, const int32_t *v,
                                           size_t n, HthErr *err);
/* Copies an entry of another file, any type. */
HTH_MUST_CHECK HthStatus hth_gguf_out_kv(HthGgufOut *o, const HthGgufKv *kv, HthErr *err);
/* Declares a tensor; ne[0] a multiple of the block. No metadata may follow the first data call. */
HTH_MUST_CHECK HthStatus hth_gguf_out_tensor(HthGgufOut *o, HthStr name, const HthFmt *fmt,
                                             uint32_t n_dims, const uint64_t *ne, HthErr *err);
/* Appends all that comes before the first tensor's bytes. Tensors follow in the declared order,
 * each with zeros after it up to a multiple of *align. */
HTH_MUST_CHECK HthStatus hth_gguf_out_head(const HthGgufOut *o, HthBuf *head, uint32_t *align,
                                           HthErr *err);
/* Bytes of the whole file, of what is declared so far; EINVAL, ELIMIT, ENOMEM as for the head. */
HTH_MUST_CHECK HthStatus hth_gguf_out_bytes(const HthGgufOut *o, uint64_t *bytes, HthErr *err);
/* The next bytes of the next tensor in order; several calls may make one tensor. EIO: there is no
 * room for the whole file, for one; nothing is written then. */
HTH_MUST_CHECK HthStatus hth_gguf_out_data(HthGgufOut *o, const void *bytes, size_t n, HthErr *err);
/* EINVAL if any declared tensor is incomplete. Frees and sets NULL either way. */
HTH_MUST_CHECK HthStatus hth_gguf_out_commit(HthGgufOut **o, HthErr *err);
void hth_gguf_out_abort(HthGgufOut **o);

#endif
