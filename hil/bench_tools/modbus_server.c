/* A Modbus TCP server on libmodbus for the benchmark: register n of every unit holds n; each request may be made to wait, each connection by itself.
 *
 * modbus_server PORT DELAY_MS
 */
#include <errno.h>
#include <modbus/modbus.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REGISTERS = 4096, BACKLOG = 64 };

static modbus_mapping_t *registers;
static long delay_ms;

static void *serve(void *argument) {
    int fd = (int)(intptr_t)argument, on = 1;
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    struct timespec delay = {delay_ms / 1000, delay_ms % 1000 * 1000000};
    modbus_t *link = modbus_new_tcp("127.0.0.1", 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    modbus_set_socket(link, fd);
    for (;;) {
        int length = modbus_receive(link, query);
        if (length < 0)
            break;
        if (delay_ms > 0)
            nanosleep(&delay, NULL);
        if (length > 0 && modbus_reply(link, query, length, registers) < 0)
            break;
    }
    close(fd);
    modbus_free(link);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s PORT DELAY_MS\n", argv[0]);
        return 2;
    }
    delay_ms = atol(argv[2]);
    registers = modbus_mapping_new(0, 0, REGISTERS, 0);
    modbus_t *listener = modbus_new_tcp("127.0.0.1", atoi(argv[1]));
    int socket_fd = listener && registers ? modbus_tcp_listen(listener, BACKLOG) : -1;
    if (socket_fd < 0) {
        fprintf(stderr, "port %s: %s\n", argv[1], modbus_strerror(errno));
        return 1;
    }
    for (int i = 0; i < REGISTERS; i++)
        registers->tab_registers[i] = (uint16_t)i;
    for (;;) {
        pthread_t thread;
        int fd = accept(socket_fd, NULL, NULL);
        if (fd < 0)
            continue;
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) != 0)
            close(fd);
        else
            pthread_detach(thread);
    }
}
