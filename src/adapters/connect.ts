/** The gRPC library: what the servers and clients of this house take from it, and the one place that names it. */
export {
  Code,
  ConnectError,
  type ConnectRouter,
  createClient,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from '@connectrpc/connect';
export {
  connectNodeAdapter,
  createGrpcTransport,
  Http2SessionManager,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node';
