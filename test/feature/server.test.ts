import { serverSuite } from './server-suite.ts';
import { serverStart } from './server-world.ts';

serverSuite(serverStart);
