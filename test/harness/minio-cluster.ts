import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { findGoTool } from '../../scripts/bootstrap/go-tools.mjs';
import { requireProgram } from '../../scripts/bootstrap/programs.mjs';
import { answersOk } from '../../scripts/stack/health.mjs';
import { renderTemplate } from '../../scripts/stack/nginx-template.mjs';
import { Part, type PartSpec } from '../../scripts/stack/part.mjs';
import { freePort } from '../../scripts/stack/ports.mjs';
import { HAS_NETWORK_NAMESPACES, type NetworkNamespace, openNetworkNamespace } from './network-namespace.js';
import { HAS_MINIO } from './stores.js';

export const CAN_FORM_CLUSTER = HAS_MINIO && HAS_NETWORK_NAMESPACES;

const NODES = [1, 2, 3, 4] as const;
const FIRST_PORT = 9200;

export interface MinioNode {
  readonly part: Part;
  readonly url: string;
  /** Its only drive. */
  readonly drive: string;
}

export interface MinioCluster {
  /** Four of one drive each: any two hold an object, three take a write. */
  readonly nodes: readonly MinioNode[];
  /** The load balancer's entrances. */
  readonly internalUrl: string;
  readonly publicUrl: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** Whether each node says that the cluster could do without it. */
  canLoseOne(): Promise<boolean>;
  /** What nginx and the nodes have written. */
  logs(): string;
}

/**
 * Real: four MinIO nodes as processes in a network namespace of their own (in a container MinIO refuses nodes on loopback) and
 * the load balancer of deploy/minio. Simplified: folders of one disk stand for drives.
 */
export function useMinioCluster(): MinioCluster {
  const cluster = {} as { -readonly [K in keyof MinioCluster]: MinioCluster[K] };
  const parts: Part[] = [];
  let namespace: NetworkNamespace | undefined;
  let folder: string | undefined;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'minio-cluster-'));
    namespace = await openNetworkNamespace();
    const account = { accessKey: 'cluster-root', secretKey: randomBytes(16).toString('hex') };
    const specs = nodeSpecs(folder, namespace, account);
    const publicPort = await freePort();
    const internalPort = await freePort();
    const balancer = balancerSpec(folder, {
      publicPort,
      internalPort,
      nodes: specs.map(({ url }) => new URL(url).host),
    });
    const nodes = specs.map(({ spec, url, drive }) => {
      const part = new Part(spec, () => undefined);
      parts.push(part);
      return { part, url, drive };
    });
    const nginx = new Part(balancer, () => undefined);
    parts.unshift(nginx);
    // Each waits for the others.
    await Promise.all(parts.map((part) => part.start()));
    Object.assign(cluster, account, {
      nodes,
      internalUrl: `http://127.0.0.1:${internalPort}`,
      publicUrl: `http://127.0.0.1:${publicPort}`,
      canLoseOne: async () => {
        const asked = nodes.map(({ url }) =>
          fetch(`${url}/minio/health/cluster?maintenance=true`).then(
            ({ ok }) => ok,
            () => false,
          ),
        );
        return (await Promise.all(asked)).every(Boolean);
      },
      logs: () =>
        [...new Set(parts.flatMap(({ tellingLogs }) => tellingLogs))]
          .map((path) => readFileSync(path, 'utf8'))
          .join('\n'),
    });
  });
  afterAll(async () => {
    await Promise.all(parts.map((part) => part.stop()));
    namespace?.close();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });
  return cluster;
}

function nodeSpecs(
  folder: string,
  namespace: NetworkNamespace,
  { accessKey, secretKey }: { accessKey: string; secretKey: string },
): { spec: PartSpec; url: string; drive: string }[] {
  const minio = findGoTool('minio');
  if (minio === undefined) throw new Error('minio is not there');
  const nodes = NODES.map((number) => {
    const drive = join(folder, `drive-${number}`);
    mkdirSync(drive);
    return { number, drive, url: `http://${namespace.address}:${FIRST_PORT + number}` };
  });
  const endpoints = nodes.map(({ url, drive }) => url + drive);
  return nodes.map(({ number, url, drive }) => {
    const logFile = join(folder, `node-${number}.log`);
    const args = ['server', '--quiet', '--address', new URL(url).host, ...endpoints];
    return {
      url,
      drive,
      spec: {
        name: `node ${number}`,
        command: {
          ...namespace.enter(minio, args),
          cwd: folder,
          env: {
            PATH: process.env.PATH,
            HOME: folder,
            MINIO_ROOT_USER: accessKey,
            MINIO_ROOT_PASSWORD: secretKey,
            MINIO_CI_CD: '1',
            MINIO_BROWSER: 'off',
            MINIO_UPDATE: 'off',
          },
        },
        deathSignal: 'TERM',
        logFile,
        tellingLogs: [logFile],
        isReady: (signal) => answersOk(`${url}/minio/health/cluster`, signal),
        readySeconds: 60,
        stopSteps: [{ signal: 'SIGTERM', seconds: 2 }],
      },
    };
  });
}

function balancerSpec(
  folder: string,
  { publicPort, internalPort, nodes }: { publicPort: number; internalPort: number; nodes: readonly string[] },
): PartSpec {
  const prefix = join(folder, 'nginx');
  mkdirSync(prefix);
  const config = join(prefix, 'nginx.conf');
  writeFileSync(
    config,
    renderTemplate(readFileSync('deploy/minio/nginx.conf.template', 'utf8'), {
      NGINX_USER_DIRECTIVE: 'user root;',
      NGINX_PREFIX: prefix,
      PUBLIC_LISTEN: `listen 127.0.0.1:${publicPort};`,
      INTERNAL_LISTEN: `listen 127.0.0.1:${internalPort};`,
      MINIO_NODES: nodes.map((node) => `server ${node} max_fails=2 fail_timeout=5s;`).join('\n'),
    }),
  );
  const logFile = join(prefix, 'output.log');
  return {
    name: 'load balancer',
    command: {
      file: requireProgram('nginx'),
      args: ['-p', `${prefix}/`, '-c', config, '-e', 'stderr'],
      env: process.env,
      cwd: prefix,
    },
    deathSignal: 'TERM',
    logFile,
    tellingLogs: [logFile, join(prefix, 'error.log'), join(prefix, 'access.log')],
    isReady: (signal) => answersOk(`http://127.0.0.1:${internalPort}/minio/health/live`, signal),
    readySeconds: 30,
    stopSteps: [{ signal: 'SIGTERM', seconds: 3 }],
  };
}
