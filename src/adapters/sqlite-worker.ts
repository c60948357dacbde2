/** The store's worker thread: see sqlite-store.ts, which starts it. */
import { parentPort } from 'node:worker_threads';
import { type StoreMessage, StoreService } from './sqlite-protocol.ts';

const service = new StoreService();

parentPort?.on('message', (message: StoreMessage) => {
  parentPort?.postMessage(service.answer(message));
  if (message.request.op === 'close') parentPort?.close();
});
