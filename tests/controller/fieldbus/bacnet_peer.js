// A BACnet/IP device of another maker's stack (node-bacnet): one commandable analog value, one analog input, and no COV.
// Told its port on the command line; "many" or "one" says whether it reads several properties a request.
const Bacnet = require('node-bacnet');
const [port, mode] = [Number(process.argv[2]), process.argv[3]];
const INSTANCE = 4711;
const slots = Array(16).fill(null);
const own = 20.0;
const services = [0, 0, 0, 0, 0, 0];
for (const bit of mode === 'many' ? [12, 14, 15] : [12, 15]) services[bit >> 3] |= 1 << (bit & 7); // the library sends the lowest bit first
const present = () => { const held = slots.find((v) => v !== null); return held === undefined ? own : held; };
const real = (v) => [{ type: 4, value: v }];
function property(type, instance, id) {
  if (type === 8 && instance === INSTANCE) {
    if (id === 97) return [{ type: 8, value: { bitsUsed: 41, value: services } }];
    if (id === 62) return [{ type: 2, value: 1476 }];
  }
  if (type === 0 && instance === 1) {
    if (id === 85) return real(24.5);
    if (id === 111) return [{ type: 8, value: { bitsUsed: 4, value: [0] } }];
  }
  if (type === 2 && instance === 31) {
    if (id === 85) return real(present());
    if (id === 111) return [{ type: 8, value: { bitsUsed: 4, value: [0] } }];
    if (id === 87) return slots.map((v) => (v === null ? { type: 0, value: null } : { type: 4, value: v }));
    if (id === 104) return real(own);
  }
  return null;
}
const client = new Bacnet({ port, interface: '127.0.0.1', broadcastAddress: '127.0.0.1' });
client.on('readProperty', ({ header, invokeId, payload, service }) => {
  const found = property(payload.objectId.type, payload.objectId.instance, payload.property.id);
  if (found) client.readPropertyResponse(header.sender, invokeId, payload.objectId, payload.property, found);
  else client.errorResponse(header.sender, service, invokeId, 2, 32);
});
if (mode === 'many') {
  client.on('readPropertyMultiple', ({ header, invokeId, payload, service }) => {
    const results = payload.properties.map(({ objectId, properties }) => ({
      objectId,
      values: properties.map((p) => ({ property: p, value: property(objectId.type, objectId.instance, p.id) })),
    }));
    // the library cannot say which property is missing: as some devices do, it refuses the whole request
    if (results.some((r) => r.values.some((v) => !v.value))) client.errorResponse(header.sender, service, invokeId, 1, 31);
    else client.readPropertyMultipleResponse(header.sender, invokeId, results);
  });
}
client.on('writeProperty', ({ header, invokeId, payload, service }) => {
  const value = payload.value.value[0];
  if (payload.objectId.type !== 2 || payload.objectId.instance !== 31) return client.errorResponse(header.sender, service, invokeId, 2, 40);
  slots[payload.value.priority - 1] = value.type === 0 ? null : value.value;
  return client.simpleAckResponse(header.sender, service, invokeId);
});
client.on('listening', () => console.log('listening'));
