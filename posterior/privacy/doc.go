// Package privacy is the accountant of differentially private training: it says which (epsilon, delta) a run of DP-SGD (package
// optim) has spent, and how much noise a budget needs. It runs on the host, in float64, and knows no tensor.
//
//	var a privacy.Accountant
//	err := a.Steps(privacy.SampledGaussian{Noise: 1.1, Rate: 256. / 60000}, 14062)
//	spent, err := a.Epsilon(1e-5)
//
// # What is counted
//
// A step draws every record on its own with probability Rate (Poisson sampling), clips each record's gradient to norm C, and
// adds Gaussian noise of standard deviation Noise * C to the sum. Its Rényi differential privacy (RDP) of order alpha is
//
//	rdp(alpha) = log(A(alpha)) / (alpha - 1)
//	A(alpha) = E_z [((1 - q) + q exp((2z - 1) / (2 sigma^2)))^alpha]    z ~ N(0, sigma^2), q = Rate, sigma = Noise
//
// (Mironov, Talwar, Zhang 2019, arXiv 1908.10530). RDP of steps adds up, and every order gives a bound on epsilon; the least
// one counts. Neighbouring data sets differ by the presence of one record.
//
// The guarantee holds for batches drawn by Poisson sampling. For shuffled batches of fixed size, which many programs use, these
// numbers are a convention and no proof. Sampled batch sizes are private as well: divide by the expected size.
package privacy
