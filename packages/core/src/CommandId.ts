/**
 * The id that a command to the model travels with: an error that the command caused names it (`ModelError.cause`).
 *
 * A `CreateResponse` brings an id of its own, its request.
 */

export const addText = (item: string): string => `add_text:${item}`
export const answerTool = (call: string): string => `answer_tool:${call}`
export const cancelResponse = "cancel_response"
export const configureModel = "configure_model"
export const deleteItem = (item: string): string => `delete_item:${item}`
export const truncate = (item: string): string => `truncate:${item}`
