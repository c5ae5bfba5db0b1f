/* A peer that shares no code with ours: a libmodbus server on TCP or on a serial line, and a client that prints what it reads. */
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int serve(modbus_t *ctx, int listener) {
    modbus_mapping_t *map = modbus_mapping_new(64, 64, 300, 300);
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    for (int i = 0; i < 300; i++) {
        map->tab_registers[i] = 1000 + i;
        map->tab_input_registers[i] = 2000 + i;
    }
    for (int i = 0; i < 64; i++) map->tab_input_bits[i] = i % 3 == 0;
    puts("ready");
    fflush(stdout);
    for (;;) {
        if (listener >= 0 && modbus_tcp_accept(ctx, &listener) < 0) return 1;
        if (listener < 0 && modbus_connect(ctx) < 0) return 1;
        for (;;) {
            int got = modbus_receive(ctx, query);
            if (got > 0 && modbus_reply(ctx, query, got, map) < 0) break;
            if (got < 0 && (listener >= 0 || errno == EIO || errno == EBADF)) break;
        }
        modbus_close(ctx);
    }
}

static int ask(modbus_t *ctx) {
    uint16_t words[4];
    uint8_t bit;
    if (modbus_set_slave(ctx, 3) < 0 || modbus_connect(ctx) < 0) return 1;
    if (modbus_read_registers(ctx, 0, 4, words) != 4) return 2;
    printf("%04x %04x %04x %04x\n", words[0], words[1], words[2], words[3]);
    if (modbus_write_register(ctx, 4, 75) != 1 || modbus_mask_write_register(ctx, 9, 0xFFDF, 0x0020) != 1) return 3;
    if (modbus_write_bit(ctx, 4, 1) != 1 || modbus_read_bits(ctx, 4, 1, &bit) != 1 || modbus_read_registers(ctx, 9, 1, words) != 1) return 4;
    printf("%d %04x\n", bit, words[0]);
    errno = 0;
    modbus_read_registers(ctx, 100, 1, words);
    printf("%s\n", modbus_strerror(errno));
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 4) return 9;
    int rtu = strcmp(argv[2], "rtu") == 0;
    modbus_t *ctx = rtu ? modbus_new_rtu(argv[3], 115200, 'N', 8, 1) : modbus_new_tcp("127.0.0.1", atoi(argv[3]));
    if (ctx == NULL) return 8;
    if (strcmp(argv[1], "ask") == 0) return ask(ctx);
    if (rtu) modbus_set_slave(ctx, 1);
    return serve(ctx, rtu ? -1 : modbus_tcp_listen(ctx, 4));
}
