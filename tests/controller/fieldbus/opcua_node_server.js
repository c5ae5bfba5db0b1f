// A node-opcua server for the tests: a moving value and a writable one, every policy, one user. Arguments: port, folder of its certificates.
const { OPCUAServer } = require("node-opcua-server");
const { Variant, DataType } = require("node-opcua-variant");
const { StatusCodes } = require("node-opcua-status-code");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");

async function main(port, folder) {
  const server = new OPCUAServer({
    port,
    hostname: "127.0.0.1",
    resourcePath: "/test/",
    serverCertificateManager: new OPCUACertificateManager({ rootFolder: folder, automaticallyAcceptUnknownCertificate: true }),
    userManager: { isValidUser: (name, password) => name === "coldaisle" && password === "correct horse" },
    allowAnonymous: true,
    serverCapabilities: { maxSessions: 3, operationLimits: { maxNodesPerRead: 4 } },
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  space.registerNamespace("urn:test:before");
  const own = space.registerNamespace("urn:test:air");
  const objects = space.rootFolder.objects;
  let inlet = 20.0;
  let request = 18.0;
  own.addVariable({
    organizedBy: objects, nodeId: "s=hall-a.rack_inlet_max_c", browseName: "Inlet", dataType: "Float", minimumSamplingInterval: 50,
    value: { get: () => new Variant({ dataType: DataType.Float, value: inlet }) },
  });
  own.addVariable({
    organizedBy: objects, nodeId: "s=hall-a.crah_supply_setpoint_c.request", browseName: "Request", dataType: "Float",
    value: {
      get: () => new Variant({ dataType: DataType.Float, value: request }),
      set: (variant) => { request = variant.value; return StatusCodes.Good; },
    },
  });
  const failed = own.addVariable({ organizedBy: objects, nodeId: "s=hall-a.crah_supply_temp_c", browseName: "Supply", dataType: "Float" });
  failed.setValueFromSource({ dataType: DataType.Float, value: 0 }, StatusCodes.BadSensorFailure);
  await server.start();
  setInterval(() => { inlet = 20 + ((inlet - 20) * 10 + 1) % 50 / 10; }, 100);
  console.log("ready");
}

main(Number(process.argv[2]), process.argv[3]).catch((error) => { console.error(error); process.exit(1); });
