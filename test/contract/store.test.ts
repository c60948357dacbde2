import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { openSqliteStore } from '../../src/adapters/sqlite-store.ts';
import { memoryStore } from '../fakes/memory-store.ts';
import { storeContract } from './store.contract.ts';

const directory = await mkdtemp(join(tmpdir(), 'joinery-store-'));
afterAll(() => rm(directory, { recursive: true }));

let count = 0;
storeContract('memory', () => Promise.resolve(memoryStore()));
storeContract('sqlite', () => openSqliteStore({ path: join(directory, `${count++}.db`), create: true }));
