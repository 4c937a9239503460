/* voice_in.h - what the files of voice share.
 *
 * Thread: see voice.h. */
#ifndef HTH_SERVE_VOICE_IN_H
#define HTH_SERVE_VOICE_IN_H

#include "serve/voice.h"

struct HthVoice {
    uint8_t id[16]; /* random: no two voices share it, whatever their addresses */
    const HthModel *model; /* borrowed */
    const HthVocab *vocab; /* the model's; NULL: none */
    HthTemplate *tmpl; /* NULL: none */
    HthTalk *talk; /* NULL: no template */
    HthDigests source; /* of the template; zero: none */
    HthBuf system;
    HthSampleParams params; /* defaults, then the file's advice, then the manifest */
    json_t *manifest; /* lends strings to params and stops */
    json_t *messages; /* before every chat; NULL: none */
    uint32_t predict_max, ctx; /* of the manifest; 0: not said */
    bool seed_set;
    uint64_t seed;
    HthStr stops[HTH_JOB_STOPS_MAX];
    uint32_t stop_count;
};

#endif
