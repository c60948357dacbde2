import { type Clock } from '../core/ports.ts';
import { instant } from '../core/time.ts';

export const systemClock: Clock = { now: () => instant(Math.floor(Date.now() / 1000)) };
