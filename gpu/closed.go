package gpu

// Closed reports whether the device was closed, or given up by its driver.
func (d *Device) Closed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.usable() != nil
}
