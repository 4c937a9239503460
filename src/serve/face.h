/* face.h - what the faces of all APIs share: state, log-probabilities, timings, facts.
 *
 * Thread: as ask.h. */
#ifndef HTH_SERVE_FACE_H
#define HTH_SERVE_FACE_H

#include "serve/ask.h"
#include "serve/json_out.h"

enum { HTH_FACE_TEXT_MAX = 1 << 28 }; /* of one answer: a ceiling, not an expectation */

/* The beginning of every face's state. */
typedef struct HthFaceState HthFaceState;
struct HthFaceState {
    void (*drop)(HthFaceState *s); /* of what the rest of the state holds; NULL: nothing */
    HthBuf token; /* room for the text of one */
};

/* Gives a face with state_bytes of zeroed state. */
HthStatus hth_face_make(HthFace **out, const HthFaceOps *ops, const HthAsk *ask,
                        const HthFacts *facts, size_t state_bytes, HthErr *err);

bool hth_end_is_limit(HthEnd end); /* "length" */
/* ,"finish_detail":"..." and ,"completed_by_grammar":true where they are due. */
void hth_out_end_detail(HthOut *o, const HthAnswerOut *a);
/* "model_digest":...,"seed":... without braces; answer may be NULL: no seed. */
void hth_out_facts(HthOut *o, const HthFace *f, const HthAnswerOut *answer);
/* A seed as a client gave it. */
void hth_out_seed(HthOut *o, uint64_t seed);
/* [{token, logprob, bytes, top_logprobs}], with id when ids. */
void hth_out_logprobs(HthOut *o, const HthFace *f, const HthWord *words, size_t n, bool ids);
void hth_out_logprob(HthOut *o, const HthFace *f, const HthWord *word, bool ids); /* one of them */
/* The text of one token. */
void hth_out_token(HthOut *o, const HthFace *f, uint32_t id, HthStr otherwise);
float hth_logprob(float v); /* finite: -9999 stands for never */
/* llama.cpp's {cache_n, prompt_n, ...}. */
void hth_out_timings(HthOut *o, const HthUsage *u);
/* A call's arguments where an object must stand: as they are, or wrapped when they are none. */
void hth_out_arguments(HthOut *o, HthStr args);
/* The call's own id, or the one made for it. */
HthStr hth_call_id_of(const HthFace *f, const HthAnswerOut *a, size_t call,
                      char room[HTH_CALL_ID_SIZE]);
void hth_out_vector(HthOut *o, const float *v, uint32_t n); /* [1,2.5] */
/* Bytes of a vector as the API writes them: little-endian. */
void hth_out_vector_base64(HthOut *o, const float *v, uint32_t n);
/* 2026-01-02T03:04:05.000000006Z */
void hth_out_time(HthOut *o, int64_t s, uint64_t ns);

/* The object that an API tells an error with. */
typedef void (*HthErrorOut)(HthOut *o, int status, const HthErr *e);
/* Writes it: as a body, or as an event of a stream that begins with `event`. */
HthStatus hth_face_error(HthErrorOut write, const char *event, int status, const HthErr *e,
                         HthBuf *out);
/* HthFaceOps.count of OpenAI's APIs. */
HthStatus hth_face_count(HthFace *f, const HthUsage *sum, HthBuf *out, HthErr *err);

#endif
