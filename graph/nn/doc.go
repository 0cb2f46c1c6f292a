// Package nn has the pieces that models are made of, as plain functions over tensors and structs of
// tensors, without hidden state.
package nn
