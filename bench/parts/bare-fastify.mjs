// A process of its own: Fastify as it comes, one route, no log. What this machine and Node can do at most.
// Argument: the port on loopback.
import fastify from 'fastify';

const server = fastify({ logger: false });
server.get('/', () => Promise.resolve({ hello: 'world' }));
await server.listen({ host: '127.0.0.1', port: Number(process.argv[2]) });
