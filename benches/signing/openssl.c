// The same operations by the openssl library: prints "name nanoseconds" for each, best of several rounds.
// cc -O2 openssl.c -lcrypto (Debian: libssl-dev). Arguments: body file, rounds, repetitions.
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static unsigned char body[1 << 20], out[1 << 21], signature[256];
static size_t body_len, signature_len;
static EVP_PKEY *key;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static void tif(void) {
    unsigned len;
    EVP_Digest("1709136000secretsecretsecret123456781709136000", 46, out, &len, EVP_sha256(), NULL);
}

static void csb(void) {
    static const char text[] = "_api_access_key=ak&_api_name=2207&_api_timestamp=1709136000042&_api_version=1.0.0";
    unsigned len;
    HMAC(EVP_sha1(), "secretsecretsecret", 18, (const unsigned char *)text, sizeof text - 1, out, &len);
}

static void x_ca(void) {
    unsigned len;
    HMAC(EVP_sm3(), "secretsecretsecret", 18, body, body_len, out, &len);
}

static EVP_MD_CTX *context(EVP_PKEY_CTX **of) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    *of = EVP_PKEY_CTX_new(key, NULL);
    EVP_PKEY_CTX_set1_id(*of, "1234567812345678", 16);
    EVP_MD_CTX_set_pkey_ctx(ctx, *of);
    return ctx;
}

static void sm2_sign(void) {
    EVP_PKEY_CTX *of;
    EVP_MD_CTX *ctx = context(&of);
    signature_len = sizeof signature;
    if (EVP_DigestSignInit(ctx, NULL, EVP_sm3(), NULL, key) != 1 ||
        EVP_DigestSign(ctx, signature, &signature_len, body, body_len) != 1) exit(3);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_CTX_free(of);
}

static void sm2_verify(void) {
    EVP_PKEY_CTX *of;
    EVP_MD_CTX *ctx = context(&of);
    if (EVP_DigestVerifyInit(ctx, NULL, EVP_sm3(), NULL, key) != 1 ||
        EVP_DigestVerify(ctx, signature, signature_len, body, body_len) != 1) exit(3);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_CTX_free(of);
}

static void sm4(const EVP_CIPHER *cipher) {
    int len, end;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(ctx, cipher, NULL, (const unsigned char *)"0123456789abcdef", (const unsigned char *)"0123456789abcdef");
    EVP_EncryptUpdate(ctx, out, &len, body, (int)body_len);
    EVP_EncryptFinal_ex(ctx, out + len, &end);
    EVP_CIPHER_CTX_free(ctx);
}

static void sm4_ecb(void) { sm4(EVP_sm4_ecb()); }
static void sm4_cbc(void) { sm4(EVP_sm4_cbc()); }
static void sealed(void) { sm2_sign(); sm4_ecb(); }

int main(int argc, char **argv) {
    static const struct { const char *name; void (*run)(void); } all[] = {
        {"x-tif", tif}, {"csb", csb}, {"x-ca", x_ca}, {"sm2 sign", sm2_sign}, {"sm2 verify", sm2_verify},
        {"sm4-ecb", sm4_ecb}, {"sm4-cbc", sm4_cbc}, {"sealed input", sealed},
    };
    if (argc != 4) return 2;
    FILE *file = fopen(argv[1], "rb");
    if (!file) return 2;
    body_len = fread(body, 1, sizeof body, file);
    fclose(file);
    key = EVP_PKEY_Q_keygen(NULL, NULL, "SM2");
    if (!key) return 3;
    for (size_t at = 0; at < sizeof all / sizeof *all; at++) {
        double best = 1e18;
        for (int round = 0; round < atoi(argv[2]); round++) {
            double from = now();
            for (int turn = 0; turn < atoi(argv[3]); turn++) all[at].run();
            double each = (now() - from) / atoi(argv[3]);
            if (each < best) best = each;
        }
        printf("%s\t%.0f\n", all[at].name, best);
    }
    return 0;
}
